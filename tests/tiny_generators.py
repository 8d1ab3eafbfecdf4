"""Tiny generators with seeded random weights, saved as their makers would; nothing is fetched.

Four families that see (Idefics3, which SmolVLM is; Qwen2-VL; LLaVA; Gemma 3, which MedGemma is) and Llama, which does
not, each with a byte-level tokenizer, its real processor and a chat template in its makers' manner.
"""

WORDS = """
The heart is normal in size. The lungs are clear. No pleural effusion. No pneumothorax. Bony structures are intact.
There is a small left pleural effusion. There is consolidation in the right lower lobe. Cardiomegaly is present.
Mild pulmonary edema. The mediastinum is within normal limits. No acute cardiopulmonary disease. No focal airspace
opacity. Degenerative changes of the thoracic spine. Low lung volumes with bibasilar atelectasis. Calcified granuloma.
{"findings": [{"text": "Nodule.", "evidence": [1, 2]}], "impression": [{"text": "Mass.", "evidence": [3]}]}
"""
SPECIAL = ["<|end|>", "<|im_start|>", "<|im_end|>", "<image>", "<fake_token_around_image>", "<end_of_utterance>"]
SPECIAL += ["<global-img>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
SPECIAL += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 48,
    "max_position_embeddings": 16_384,
    "tie_word_embeddings": False,
    "initializer_range": 0.2,  # so that one word is likelier than another
}

_PARTS = (
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n" + _PARTS + "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IDEFICS3 = CHATML.replace("IMAGE", "<image>").replace("<|im_end|>", "<end_of_utterance>")
QWEN2_VL = CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
GEMMA3 = (  # as Gemma 3: instructions stand at the head of the user's turn
    "{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'][0]['text'] + '\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set first = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}<|im_start|>{{ message['role'] }}\n{% if loop.first %}{{ first }}{% endif %}"
    + _PARTS.replace("IMAGE", "<|vision_start|>")
    + "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
LLAVA = (  # as LLaVA 1.5: a system turn is left out without a word
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() }}: "
    + _PARTS.replace("IMAGE", "<image>\n")
    + "\n{% endif %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def generator_folder(tmp_path_factory, family):
    """Return the family's folder, made once for a test process."""
    folder = tmp_path_factory.getbasetemp() / f"generator-{family}"
    if not folder.exists():
        folder.mkdir()
        FAMILIES[family](folder)
    return folder


def tiny_tokenizer(end="<|im_end|>", template=""):
    """Byte-level BPE over a few sentences: it can write anything, and common words are one token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=SPECIAL, initial_alphabet=alphabet, min_frequency=1, show_progress=False
    )
    tokenizer.train_from_iterator(WORDS.splitlines(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token="<|end|>")
    if template:
        fast.chat_template = template
    return fast


def save_llama(folder, seed=0, template=CHATML, longest=TEXT["max_position_embeddings"]):
    """SmolLM2's kind: a language model that sees nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer(template=template)
    config = LlamaConfig(**TEXT | {"max_position_embeddings": longest}, **_ids(tokenizer))
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_idefics3(folder, seed=0):
    """SmolVLM's kind: a picture is cut into tiles, each a few tokens."""
    import torch
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
        LlamaConfig,
    )

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer("<end_of_utterance>")
    vision = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    config = Idefics3Config(
        text_config=LlamaConfig(**TEXT, **_ids(tokenizer)).to_dict(),
        vision_config=vision | {"image_size": 32, "patch_size": 8},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    pictures = Idefics3ImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    Idefics3Processor(pictures, tokenizer, image_seq_len=4, chat_template=IDEFICS3).save_pretrained(folder)
    return folder


def save_qwen2_vl(folder, seed=0):
    """Qwen2-VL: a picture of any size, with positions in three directions."""
    import torch
    from transformers import (
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer(template=QWEN2_VL)
    number = tokenizer.convert_tokens_to_ids
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
    config = Qwen2VLConfig(
        text_config=TEXT | _ids(tokenizer) | {"rope_parameters": rope},
        vision_config={
            "depth": 1,
            "embed_dim": 32,
            "num_heads": 2,
            "mlp_ratio": 1,
            "hidden_size": 32,
            "patch_size": 14,
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    size = {"shortest_edge": 28 * 28, "longest_edge": 112 * 112}
    Qwen2VLProcessor(
        Qwen2VLImageProcessor(size=size), tokenizer, Qwen2VLVideoProcessor(), chat_template=QWEN2_VL
    ).save_pretrained(folder)
    return folder


def save_llava(folder, seed=0):
    """LLaVA 1.5: CLIP's patches, projected; a template without a place for instructions."""
    import torch
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    eyes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**eyes, image_size=32, patch_size=8, projection_dim=16),
        text_config=LlamaConfig(**TEXT, **_ids(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=LLAVA,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


def save_gemma3(folder, seed=0):
    """Gemma 3, which MedGemma is: layers that look back over a short window, and pictures seen in both directions."""
    import torch
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessor,
        Gemma3Processor,
        Gemma3TextConfig,
    )

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    marks = {"boi_token": "<|vision_start|>", "eoi_token": "<|vision_end|>", "image_token": "<image>"}
    tokenizer = type(tokenizer)(
        tokenizer_object=tokenizer.backend_tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|end|>",
        extra_special_tokens=marks,
    )
    number = tokenizer.convert_tokens_to_ids
    window = {"sliding_window": 64, "layer_types": ["sliding_attention", "full_attention"], "head_dim": 16}
    eyes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    config = Gemma3Config(
        text_config=Gemma3TextConfig(**TEXT | window | {"initializer_range": 0.1}, **_ids(tokenizer)).to_dict(),
        vision_config=eyes | {"image_size": 32, "patch_size": 8, "model_type": "siglip_vision_model"},
        mm_tokens_per_image=4,
        boi_token_index=number("<|vision_start|>"),
        eoi_token_index=number("<|vision_end|>"),
        image_token_index=number("<image>"),
    )
    network = Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(network.model.multi_modal_projector.mm_input_projection_weight)  # zeros until it is trained
    network.save_pretrained(folder)
    pictures = Gemma3ImageProcessor(size={"height": 32, "width": 32})
    Gemma3Processor(pictures, tokenizer, chat_template=GEMMA3, image_seq_length=4).save_pretrained(folder)
    return folder


FAMILIES = {
    "llama": save_llama,
    "idefics3": save_idefics3,
    "qwen2_vl": save_qwen2_vl,
    "llava": save_llava,
    "gemma3": save_gemma3,
}


def _ids(tokenizer):
    return {
        "vocab_size": len(tokenizer) + 7,  # padded, as many models are
        "bos_token_id": tokenizer.convert_tokens_to_ids("<|im_start|>"),
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
