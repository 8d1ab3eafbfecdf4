"""Tiny Hugging Face models with seeded random weights, saved as their makers would; nothing is fetched."""

import json

import numpy as np

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "the", "pleural", "effusion", "heart", "is", "large", "."]
WORDS += list("abcdefghijklmnopqrstuvwxyz") + [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": len(WORDS),
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}


def waves(rows, columns):
    """Return a smooth grey image whose values are whole 8-bit levels."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    grey = np.round(255 * (0.5 + 0.4 * np.sin(9 * x) * np.cos(7 * y)))
    return grey.astype(np.float32) / np.float32(255)


def save_tokenizer(folder, longest):
    """Save a WordPiece tokenizer over letters and a few words, with BERT's special tokens."""
    from transformers import BertTokenizer

    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizer(vocab=str(folder / "vocab.txt"), model_max_length=longest)
    tokenizer.save_pretrained(folder)


def save_dinov2(folder, seed=0):
    """RAD-DINO's kind: DINOv2 with shortest-edge resize and centre crop."""
    import torch
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    torch.manual_seed(seed)
    config = Dinov2Config(**VISION | {"image_size": 42, "patch_size": 14})
    Dinov2Model(config).save_pretrained(folder)
    mean, std = [0.5307] * 3, [0.2583] * 3
    size = {"height": 42, "width": 42}
    BitImageProcessor(
        size={"shortest_edge": 42}, crop_size=size, image_mean=mean, image_std=std, resample=3
    ).save_pretrained(folder)
    return folder


def save_vit(folder, seed=0):
    """A plain vision transformer."""
    import torch
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    torch.manual_seed(seed)
    ViTModel(ViTConfig(**VISION)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_clip(folder, seed=0):
    """CLIP: both towers and their projections."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    torch.manual_seed(seed)
    text = TEXT | {"max_position_embeddings": 40}
    CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size).save_pretrained(folder)
    save_tokenizer(folder, 40)
    return folder


def save_siglip(folder, seed=0):
    """SigLIP, MedSigLIP's kind: texts are filled up to the full length."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    torch.manual_seed(seed)
    text = TEXT | {"max_position_embeddings": 24, "projection_size": 32}
    SiglipModel(SiglipConfig(text_config=text, vision_config=VISION)).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    save_tokenizer(folder, 24)
    return folder


def save_bert(folder, seed=0, longest=48):
    """BERT without its pooling layer, MedCPT's kind."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(**TEXT | {"max_position_embeddings": longest})
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    save_tokenizer(folder, longest)
    return folder


def save_cxr_bert(folder, seed=0):
    """CXR-BERT-specialized: BERT under another name, a projection head, and code that must not be run."""
    import torch
    from safetensors.torch import load_file, save_file

    save_bert(folder, seed)
    state = {f"bert.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    for part, shape in (("dense_to_hidden", (16, 32)), ("dense_to_output", (16, 16))):
        state[f"cls_projection_head.{part}.weight"] = torch.randn(shape)
        state[f"cls_projection_head.{part}.bias"] = torch.randn(16)
    state["cls_projection_head.LayerNorm.weight"] = torch.rand(16)
    state["cls_projection_head.LayerNorm.bias"] = torch.randn(16)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoModel": "modeling_cxrbert.CXRBertModel", "AutoConfig": "configuration_cxrbert.CXRBertConfig"}
    config |= {"model_type": "cxr-bert", "projection_size": 16, "auto_map": code}
    (folder / "config.json").write_text(json.dumps(config))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    own = {
        "tokenizer_class": "CXRBertTokenizer",
        "auto_map": {"AutoTokenizer": ["configuration_cxrbert.CXRBertTokenizer", None]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | own))
    for name in ("modeling_cxrbert", "configuration_cxrbert"):
        (folder / f"{name}.py").write_text("raise SystemExit('this code was run')\n")
    return folder


def save_sentence_transformer(folder, *, pooling="mean", dense=False, old_keys=True, seed=0):
    """A sentence-transformers folder: network, pooling, perhaps a dense layer, normalisation."""
    import torch
    from safetensors.torch import save_file

    save_bert(folder, seed)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 20, "do_lower_case": False}))
    chain = [("Transformer", ""), ("Pooling", "1_Pooling")] + [("Dense", "2_Dense")] * dense
    chain += [("Normalize", f"{len(chain)}_Normalize")]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(chain)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    for _, path in chain[1:]:
        (folder / path).mkdir()
    keys = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens"}
    config = {key: mode == pooling for mode, key in keys.items()} if old_keys else {"pooling_mode": pooling}
    size = {"word_embedding_dimension": 32} if old_keys else {"embedding_dimension": 32}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(size | config))
    if dense:
        layer = {"in_features": 32, "out_features": 8, "bias": True}
        layer["activation_function"] = "torch.nn.modules.activation.Tanh"
        (folder / "2_Dense" / "config.json").write_text(json.dumps(layer))
        state = {"linear.weight": torch.randn(8, 32), "linear.bias": torch.randn(8)}
        save_file(state, folder / "2_Dense" / "model.safetensors")
    return folder


def save_biomedclip(folder, seed=0):
    """BiomedCLIP's kind: OpenCLIP's layout, a timm vision transformer and a BERT whose configuration is not there."""
    import timm
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    width, dimension = 64, 16
    trunk = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0)
    bert = BertModel(BertConfig(**TEXT | {"hidden_size": width, "num_attention_heads": 1}), add_pooling_layer=False)
    state = {f"visual.trunk.{name}": value for name, value in trunk.state_dict().items()}
    state |= {f"text.transformer.{name}": value for name, value in bert.state_dict().items()}
    between = (width + dimension) // 2
    state["visual.head.proj.weight"] = torch.randn(dimension, trunk.num_features)
    state["text.proj.0.weight"], state["text.proj.2.weight"] = (
        torch.randn(between, width),
        torch.randn(dimension, between),
    )
    state["logit_scale"] = torch.tensor(4.6)
    torch.save(state, folder / "open_clip_pytorch_model.bin")
    name = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_model_pretrained": False, "timm_pool": ""}
    text = {"hf_model_name": name, "hf_tokenizer_name": name, "hf_proj_type": "mlp", "context_length": 24}
    config = {
        "model_cfg": {
            "embed_dim": dimension,
            "vision_cfg": vision | {"timm_proj": "linear", "image_size": 224},
            "text_cfg": text | {"hf_pooler_type": "cls_last_hidden_state_pooler"},
        },
        "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_tokenizer(folder, 1000000)
    return folder
