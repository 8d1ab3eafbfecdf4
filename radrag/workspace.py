"""A workspace put together: settings to store, encoders, index and drafter, each made when first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.errors import RestrictedData, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.corpus.snapshot import Snapshot
    from radrag.domain import Draft, Report
    from radrag.drafting import Drafter, Rewording
    from radrag.encoders.base import ImageEncoder, TextEncoder
    from radrag.export.outgoing import Outgoing
    from radrag.generation.base import Generator
    from radrag.generation.endpoint import EndpointModel
    from radrag.generation.model import Model
    from radrag.grounding.verify import Verifier
    from radrag.reports.findings import Labeler
    from radrag.retrieval.engine import Retriever
    from radrag.retrieval.novelty import Novelty
    from radrag.store.repository import Store


class Workspace:
    """Everything a command needs, from one settings object; heavy packages are loaded on first use."""

    def __init__(self, settings: Settings, *, on_token: Callable[[int], None] | None = None) -> None:
        self.settings = settings
        self._on_token = on_token  # called by a local model after each token, with their number so far

    @cached_property
    def store(self) -> Store:
        """The database."""
        from radrag.store.repository import Store

        return Store.open(self.settings.url)

    @cached_property
    def labeler(self) -> Labeler:
        """Finds findings in text."""
        from radrag.reports.findings import default_labeler

        return default_labeler()

    @cached_property
    def image_encoder(self) -> ImageEncoder:
        """Looks at images, in the runtime of the settings."""
        from radrag.encoders import load_image_encoder
        from radrag.encoders.runtime import hasten

        settings = self.settings
        encoder = load_image_encoder(
            settings.encoder, weights=settings.encoder_weights, cache=settings.cache, device=settings.device
        )
        hasten(encoder, settings.runtime, cache=settings.cache)
        return encoder

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """Embeds texts."""
        from radrag.encoders import load_text_encoder

        return load_text_encoder(self.settings.text_encoder, cache=self.settings.cache, device=self.settings.device)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The current index.

        Raises:
            BadIndex: there is none, or it is damaged.
        """
        from radrag.corpus.snapshot import current_index, load_snapshot

        return load_snapshot(current_index(self.settings.indexes))

    @cached_property
    def retriever(self) -> Retriever:
        """Searches the current index.

        Raises:
            BadIndex: there is none, or it was built otherwise.
        """
        from radrag.corpus.snapshot import current_index
        from radrag.retrieval.engine import Retriever
        from radrag.retrieval.rerank import AgreementReranker, Bonuses
        from radrag.retrieval.weights import load_weights

        weights = load_weights(current_index(self.settings.indexes))
        penalty = Bonuses(trusted=self.settings.misleading_penalty)
        reranker = AgreementReranker(self.snapshot.cases, penalty, misleading=self._misleading)
        return Retriever(self.snapshot, self.text_encoder, weights=weights, reranker=reranker)

    @cached_property
    def _misleading(self) -> dict[str, int]:
        """Case id → how many of its sentences readers called misleading; empty where that is to change nothing."""
        return self.store.misleading_sentences() if self.settings.misleading_penalty else {}

    @cached_property
    def novelty(self) -> Novelty | None:
        """Says how unusual images are against the indexed ones; None where no images are indexed."""
        from radrag.retrieval.novelty import Novelty

        return Novelty.of_index(self.snapshot, self.store.cases)

    @cached_property
    def verifier(self) -> Verifier:
        """Checks sentences against evidence."""
        from radrag.grounding.entailment import NliJudge
        from radrag.grounding.verify import Verifier

        folder = self.settings.nli_model
        return Verifier(self.labeler.label_text, judge=NliJudge(folder) if folder else None)

    @cached_property
    def generator(self) -> Generator:
        """Writes reports.

        Raises:
            UsageError: the settings lack what the generator needs.
        """
        named = self.settings.generator
        if named == "compose":
            from radrag.generation.compose import ComposeGenerator

            return ComposeGenerator()
        if named == "mini":
            return self._mini()
        from radrag.generation.model import ModelGenerator

        return ModelGenerator(self._vlm() if named == "vlm" else self.endpoint)

    def _mini(self) -> Generator:
        from radrag.generation.mini import MiniGenerator

        settings = self.settings
        folder = Path(settings.generator_model).expanduser() if settings.generator_model else None
        return MiniGenerator(folder, cache=settings.cache, encoder=lambda: self.image_encoder, device=settings.device)

    def _vlm(self) -> Model:
        from radrag.generation.vlm import VlmModel

        settings = self.settings
        if not settings.generator_model:
            raise UsageError("Generator vlm needs a model.", hint="Give a folder or a pulled name: --model hf:FOLDER")
        return VlmModel.load(
            settings.generator_model, cache=settings.cache, device=settings.device, progress=self._on_token
        )

    @cached_property
    def endpoint(self) -> EndpointModel:
        """The model server that the settings name; nothing is sent to it yet.

        Raises:
            UsageError: they name none, or an address that cannot be one.
        """
        from radrag.generation.endpoint import EndpointModel

        settings = self.settings
        if not settings.generator_url or not settings.generator_model:
            raise UsageError(
                "Generator endpoint needs a server and a model's name.",
                hint="For example: --url http://127.0.0.1:8000/v1 --model medgemma",
            )
        key = settings.generator_key.get_secret_value() or None
        return EndpointModel(
            settings.generator_url,
            settings.generator_model,
            key=key,
            timeout=settings.generator_timeout,
            sends_pictures=settings.generator_pictures,
            certificates=settings.generator_certificates,
        )

    @cached_property
    def drafter(self) -> Drafter:
        """Drafts studies."""
        from radrag.drafting import Drafter

        return Drafter(
            encoder=self.image_encoder,
            retriever=self.retriever,
            cases=self.snapshot.cases,
            novelty=self.novelty,
            sentences_of=self.store.sentences,
            generator=self.generator,
            labeler=self.labeler,
            verifier=self.verifier,
            terms=self.store,
            hits=self.settings.hits,
            seed=self.settings.seed,
            settled={"misleading": self._misleading} if self._misleading else None,
        )

    def rewording(self, draft: Draft) -> Rewording:
        """Return what checks and finds words for a stored draft; loads neither image encoder nor index."""
        from radrag.drafting.rewording import Rewording

        return Rewording(
            draft,
            sentences_of=self.store.sentences,
            labeler=self.labeler,
            verifier=self.verifier,
            generator=lambda: self.generator,
            terms=self.store,
        )

    def report(self, draft_id: str) -> Report:
        """Return the report that a draft's review comes to.

        Raises:
            StoreError: there is no such draft.
        """
        from radrag.review.decisions import replay
        from radrag.review.report import report_of

        draft = self.store.draft(draft_id)
        return report_of(draft, replay(draft, self.store.review_events(draft_id)))

    def outgoing(
        self,
        draft_id: str,
        *,
        institution: str | None = None,
        without_identity: bool = False,
        quote_restricted: bool = False,
    ) -> Outgoing:
        """Return a draft's report, ready to be written in the forms that others read.

        Args:
            institution: who sends it; None for the setting.
            without_identity: the patient key instead of the patient.
            quote_restricted: quote evidence of restricted corpora too.

        Raises:
            StoreError: there is no such draft.
            ExportError: whose study it is cannot be read from its image files.
            RestrictedData: the terms of images or evidence forbid it.
        """
        from radrag.export.identity import read_identity
        from radrag.export.identity import without_identity as nobody
        from radrag.export.outgoing import Outgoing, Sender
        from radrag.release import Destination, require_release

        report, store, settings = self.report(draft_id), self.store, self.settings
        study = report.draft.study
        cited = {link.case_id for sentence in report.sentences for link in sentence.links}
        restricted = frozenset[str]() if quote_restricted else store.restricted_cases(cited)
        if not quote_restricted:
            # A signed report is its reader's own text; a draft is made from what it cites.
            of_text = () if report.state.signed else restricted
            try:
                require_release(store, Destination.EXPORT, case_ids=of_text, images=study.images)
            except RestrictedData as error:
                error.hint = (
                    "Sign it first, or, where the files stay with those who may read the corpus: --quote-restricted"
                )
                raise
        sender = Sender(
            institution=settings.institution if institution is None else institution,
            department=settings.department,
            paper=settings.paper,
            patient_system=settings.patient_system,
            wado_url=settings.wado_url,
        )
        identity = nobody(study) if without_identity else read_identity(study, salt=settings.salt())
        return Outgoing.of(report, identity, sender, restricted=restricted)

    def record_export(
        self, outgoing: Outgoing, files: Mapping[str, str], *, quoted_restricted: bool = False, who: str = ""
    ) -> None:
        """Put on record what left, and with whose name in it or not.

        Args:
            files: form → SHA-256 of the file, hex.
            who: the account's name; the operating system's user when empty.
        """
        from radrag.store.values import AuditEvent

        payload = {
            "draft_id": outgoing.draft.draft_id,
            "version": outgoing.version,
            "state": outgoing.state.value,
            "identified": outgoing.identity.known,
            "quoted_restricted": quoted_restricted,
            "files": dict(files),
        }
        who, origin = who or self.store.who, self.store.origin
        self.store.record(AuditEvent("draft.exported", who, origin, outgoing.draft.study.patient_key, payload))
