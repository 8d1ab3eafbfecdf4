"""radrag among other machines: images that a PACS or a modality sends become drafts."""
