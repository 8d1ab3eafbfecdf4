"""Corpora, cases, drafts and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = ("audit_log", "corpora", "drafts", "cases", "draft_images", "draft_sentences", "hits", "image_findings", "omissions", "provenance", "warnings", "case_images", "draft_findings", "evidence_links", "sections", "sentences", "findings")  # in an order that foreign keys allow

# The audit log only grows; whoever wants to change it has to remove these first, and still breaks the hash chain.
SQLITE_GUARD = """
CREATE TRIGGER audit_log_no_{event} BEFORE {event} ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END
"""
POSTGRESQL_GUARD = """
CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit_log is append-only'; END $$;
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();
"""


def upgrade() -> None:
    op.create_table('audit_log',
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.Text(), nullable=False),
    sa.Column('who', sa.Text(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('patient_key', sa.Text(), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('previous', sa.Text(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_audit_log'))
    )
    op.create_index(op.f('ix_audit_log_patient_key'), 'audit_log', ['patient_key'], unique=False)
    op.create_index(op.f('ix_audit_log_what_position'), 'audit_log', ['what', 'position'], unique=False)
    op.create_table('corpora',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('licence', sa.Text(), nullable=False),
    sa.Column('restricted', sa.Boolean(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('added_at', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_corpora'))
    )
    op.create_table('drafts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('draft_id', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.Column('study_instance_uid', sa.Text(), nullable=False),
    sa.Column('accession', sa.Text(), nullable=False),
    sa.Column('patient_key', sa.Text(), nullable=False),
    sa.Column('sex', sa.Text(), nullable=False),
    sa.Column('age', sa.Double(), nullable=True),
    sa.Column('studied_at', sa.Text(), nullable=False),
    sa.Column('indication', sa.Text(), nullable=False),
    sa.Column('content_sha256', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_drafts')),
    sa.UniqueConstraint('draft_id', name=op.f('uq_drafts_draft_id'))
    )
    op.create_index(op.f('ix_drafts_created_at_id'), 'drafts', ['created_at', 'id'], unique=False)
    op.create_index(op.f('ix_drafts_patient_key'), 'drafts', ['patient_key'], unique=False)
    op.create_index(op.f('ix_drafts_study_instance_uid'), 'drafts', ['study_instance_uid'], unique=False)
    op.create_table('cases',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Text(), nullable=False),
    sa.Column('corpus', sa.Text(), nullable=False),
    sa.Column('patient_key', sa.Text(), nullable=False),
    sa.Column('labels', sa.Text(), nullable=False),
    sa.Column('licence', sa.Text(), nullable=False),
    sa.Column('restricted', sa.Boolean(), nullable=False),
    sa.Column('image_count', sa.Integer(), nullable=False),
    sa.Column('sentence_count', sa.Integer(), nullable=False),
    sa.Column('content_sha256', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['corpus'], ['corpora.name'], name=op.f('fk_cases_corpus'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases')),
    sa.UniqueConstraint('case_id', name=op.f('uq_cases_case_id'))
    )
    op.create_index(op.f('ix_cases_corpus_id'), 'cases', ['corpus', 'id'], unique=False)
    op.create_index(op.f('ix_cases_patient_key'), 'cases', ['patient_key'], unique=False)
    op.create_table('draft_images',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sop_instance_uid', sa.Text(), nullable=False),
    sa.Column('view', sa.Text(), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('columns', sa.Integer(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('pixel_sha256', sa.Text(), nullable=False),
    sa.Column('acquired_at', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_draft_images_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_draft_images'))
    )
    op.create_table('draft_sentences',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('section', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('image_findings', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_draft_sentences_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_draft_sentences'))
    )
    op.create_table('hits',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('case_id', sa.Text(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('score', sa.Double(), nullable=True),
    sa.Column('channels', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_hits_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_hits'))
    )
    op.create_index(op.f('ix_hits_case_id'), 'hits', ['case_id'], unique=False)
    op.create_table('image_findings',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('probability', sa.Double(), nullable=True),
    sa.Column('threshold', sa.Double(), nullable=True),
    sa.Column('trained', sa.Boolean(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_image_findings_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_image_findings'))
    )
    op.create_table('omissions',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_omissions_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_omissions'))
    )
    op.create_table('provenance',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_provenance_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', name=op.f('pk_provenance'))
    )
    op.create_table('warnings',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_warnings_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_warnings'))
    )
    op.create_table('case_images',
    sa.Column('case_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sop_instance_uid', sa.Text(), nullable=False),
    sa.Column('view', sa.Text(), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('columns', sa.Integer(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('pixel_sha256', sa.Text(), nullable=False),
    sa.Column('acquired_at', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['case_pk'], ['cases.id'], name=op.f('fk_case_images_case_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_pk', 'position', name=op.f('pk_case_images'))
    )
    op.create_index(op.f('ix_case_images_sop_instance_uid'), 'case_images', ['sop_instance_uid'], unique=False)
    op.create_table('draft_findings',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sentence', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('polarity', sa.Text(), nullable=False),
    sa.Column('side', sa.Text(), nullable=False),
    sa.Column('location', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('change', sa.Text(), nullable=False),
    sa.Column('start', sa.Integer(), nullable=False),
    sa.Column('end', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['draft_pk', 'sentence'], ['draft_sentences.draft_pk', 'draft_sentences.position'], name=op.f('fk_draft_findings_draft_pk_sentence'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'sentence', 'position', name=op.f('pk_draft_findings'))
    )
    op.create_index(op.f('ix_draft_findings_label_polarity_draft_pk'), 'draft_findings', ['label', 'polarity', 'draft_pk'], unique=False)
    op.create_table('evidence_links',
    sa.Column('draft_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('draft_sentence', sa.Integer(), nullable=True),
    sa.Column('omission', sa.Integer(), nullable=True),
    sa.Column('case_id', sa.Text(), nullable=False),
    sa.Column('section', sa.Text(), nullable=False),
    sa.Column('sentence', sa.Integer(), nullable=False),
    sa.Column('start', sa.Integer(), nullable=False),
    sa.Column('end', sa.Integer(), nullable=False),
    sa.Column('quote', sa.Text(), nullable=False),
    sa.Column('relation', sa.Text(), nullable=False),
    sa.Column('strength', sa.Double(), nullable=True),
    sa.CheckConstraint('(draft_sentence IS NULL) <> (omission IS NULL)', name=op.f('ck_evidence_links_one_owner')),
    sa.ForeignKeyConstraint(['draft_pk', 'draft_sentence'], ['draft_sentences.draft_pk', 'draft_sentences.position'], name=op.f('fk_evidence_links_draft_pk_draft_sentence'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['draft_pk', 'omission'], ['omissions.draft_pk', 'omissions.position'], name=op.f('fk_evidence_links_draft_pk_omission'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['draft_pk'], ['drafts.id'], name=op.f('fk_evidence_links_draft_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_pk', 'position', name=op.f('pk_evidence_links'))
    )
    op.create_index(op.f('ix_evidence_links_case_id'), 'evidence_links', ['case_id'], unique=False)
    op.create_table('sections',
    sa.Column('case_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['case_pk'], ['cases.id'], name=op.f('fk_sections_case_pk'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_pk', 'position', name=op.f('pk_sections')),
    sa.UniqueConstraint('case_pk', 'name', name=op.f('uq_sections_case_pk_name'))
    )
    op.create_table('sentences',
    sa.Column('case_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('section', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('start', sa.Integer(), nullable=False),
    sa.Column('end', sa.Integer(), nullable=False),
    sa.CheckConstraint('0 <= start AND start <= "end"', name=op.f('ck_sentences_offsets')),
    sa.ForeignKeyConstraint(['case_pk', 'section'], ['sections.case_pk', 'sections.position'], name=op.f('fk_sentences_case_pk_section'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_pk', 'position', name=op.f('pk_sentences')),
    sa.UniqueConstraint('case_pk', 'section', 'number', name=op.f('uq_sentences_case_pk_section_number')),
    sqlite_with_rowid=False
    )
    op.create_table('findings',
    sa.Column('case_pk', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sentence', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('polarity', sa.Text(), nullable=False),
    sa.Column('side', sa.Text(), nullable=False),
    sa.Column('location', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('change', sa.Text(), nullable=False),
    sa.Column('start', sa.Integer(), nullable=False),
    sa.Column('end', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_pk', 'sentence'], ['sentences.case_pk', 'sentences.position'], name=op.f('fk_findings_case_pk_sentence'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_pk', 'sentence', 'position', name=op.f('pk_findings')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_findings_label_polarity_case_pk_sentence'), 'findings', ['label', 'polarity', 'case_pk', 'sentence'], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for event in ("update", "delete"):
            op.execute(SQLITE_GUARD.format(event=event))
    else:
        op.execute(POSTGRESQL_GUARD)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_append_only()")
