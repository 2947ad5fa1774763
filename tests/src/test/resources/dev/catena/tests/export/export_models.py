"""Small random models of the architectures of transformers, exported to ONNX as people export them.

    export_models.py --out FOLDER [--only ARCHITECTURE,…] [--ways WAY,…] 

writes FOLDER/ARCHITECTURE/WAY/model.onnx and beside it reference.npz: token ids (a prompt of 12 and 4 more, picked greedily),
torch's float32 logits of each position but the last, and the same for a batch of two of which one is padded on the left. A way is EXPORTER[OPSET]-ATTENTION-CACHE[-TYPE], such as
dynamo-sdpa-past, script14-eager-none, dynamo23-sdpa-past-f16: `dynamo` is torch.onnx.export(dynamo=True), `script` the TorchScript
exporter; `past` has Optimum's inputs and outputs. What an exporter refuses is said in FOLDER/ARCHITECTURE/WAY/refused.txt.

Needs torch, transformers, onnx, onnxscript, numpy. Made with torch 2.13, transformers 5.18.
"""

import argparse
import os
import pathlib
import traceback
import warnings

import numpy
import torch
import transformers
from transformers.cache_utils import DynamicCache

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()

VOCABULARY = 256
POSITIONS = 128
IDS = [3, 170, 0, 17, 58, 9, 9, 41, 222, 5, 77, 131]
PADDED = 5

COMMON = dict(vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA_LIKE = dict(COMMON, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)


def rope(kind, **more):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=10000.0, **more))


def like_llama(name, **more):
    return lambda: (name, dict(LLAMA_LIKE, **more))


ARCHITECTURES = {
    "llama": like_llama("Llama"),
    "llama-mqa": like_llama("Llama", num_key_value_heads=1, attention_bias=True, mlp_bias=True),
    "llama-mha": like_llama("Llama", num_key_value_heads=4, tie_word_embeddings=True, num_hidden_layers=3),
    "llama-rope-llama3": like_llama("Llama", **rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                    original_max_position_embeddings=32)),
    "llama-rope-yarn": like_llama("Llama", **rope("yarn", factor=4.0, original_max_position_embeddings=32)),
    "llama-rope-linear": like_llama("Llama", **rope("linear", factor=4.0)),
    "llama-rope-dynamic": like_llama("Llama", **rope("dynamic", factor=4.0)),
    "qwen2": like_llama("Qwen2", tie_word_embeddings=True),
    "qwen3": like_llama("Qwen3", head_dim=16),
    "mistral": like_llama("Mistral", sliding_window=6, head_dim=16),
    "phi": like_llama("Phi", num_key_value_heads=4, partial_rotary_factor=0.5, hidden_size=64),
    "phi3": like_llama("Phi3", sliding_window=None),
    "gemma": like_llama("Gemma", head_dim=16),
    "gemma2": like_llama("Gemma2", head_dim=16, sliding_window=6, query_pre_attn_scalar=20),
    "gemma3": like_llama("Gemma3Text", head_dim=16, sliding_window=6, query_pre_attn_scalar=20, num_hidden_layers=3,
                         layer_types=["sliding_attention", "sliding_attention", "full_attention"]),
    "gpt2": lambda: ("GPT2", dict(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=48, n_layer=2, n_head=4)),
    "opt": lambda: ("OPT", dict(COMMON, hidden_size=48, ffn_dim=80, num_hidden_layers=2, num_attention_heads=4,
                                word_embed_proj_dim=48)),
    "gptj": lambda: ("GPTJ", dict(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=64, n_layer=2, n_head=4, rotary_dim=8)),
    "gpt-neo": lambda: ("GPTNeo", dict(COMMON, hidden_size=48, num_layers=2, num_heads=4, window_size=6,
                                       attention_types=[[["global", "local"], 1]])),
    "gpt-neox": lambda: ("GPTNeoX", dict(COMMON, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                                         rotary_pct=0.25)),
    "falcon-old": lambda: ("Falcon", dict(COMMON, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, multi_query=True,
                                          parallel_attn=True, new_decoder_architecture=False, alibi=False, bias=False)),
    "falcon-new": lambda: ("Falcon", dict(COMMON, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_kv_heads=2,
                                          new_decoder_architecture=True, alibi=False, bias=False)),
    "bloom": lambda: ("Bloom", dict(vocab_size=VOCABULARY, hidden_size=48, n_layer=2, n_head=4)),
    "mpt": lambda: ("Mpt", dict(vocab_size=VOCABULARY, max_seq_len=POSITIONS, d_model=48, n_heads=4, n_layers=2)),
    "starcoder2": like_llama("Starcoder2", sliding_window=None),
    "gpt-bigcode": lambda: ("GPTBigCode", dict(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=48, n_layer=2, n_head=4,
                                               multi_query=True)),
    "stablelm": like_llama("StableLm", hidden_size=64, partial_rotary_factor=0.25, use_qkv_bias=True),
    "olmo": like_llama("Olmo"),
    "olmo2": like_llama("Olmo2"),
    "granite": like_llama("Granite", embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.5, logits_scaling=4.0),
    "cohere": like_llama("Cohere", use_qk_norm=True, logit_scale=0.25),
    "cohere2": like_llama("Cohere2", sliding_window=6, num_hidden_layers=4),
    "smollm3": like_llama("SmolLM3", num_hidden_layers=4, no_rope_layers=[1, 1, 1, 0]),
    "glm": like_llama("Glm", head_dim=16, partial_rotary_factor=0.5, attention_bias=True),
    "nemotron": like_llama("Nemotron"),
    "helium": like_llama("Helium", head_dim=12),
    "mixtral": like_llama("Mixtral", num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "qwen2-moe": like_llama("Qwen2Moe", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=40),
    "gpt-oss": like_llama("GptOss", head_dim=16, num_local_experts=4, num_experts_per_tok=2, sliding_window=6),
    "biogpt": lambda: ("BioGpt", dict(COMMON, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80)),
    "codegen": lambda: ("CodeGen", dict(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=64, n_layer=2, n_head=4, rotary_dim=8)),
    "xglm": lambda: ("XGLM", dict(vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, d_model=48, ffn_dim=80, num_layers=2,
                                  attention_heads=4)),
}

ENCODERS = {
    "bert": lambda: ("Bert", dict(COMMON, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4)),
    "distilbert": lambda: ("DistilBert", dict(vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, dim=48, hidden_dim=80,
                                              n_layers=2, n_heads=4)),
    "xlm-roberta": lambda: ("XLMRoberta", dict(COMMON, hidden_size=48, intermediate_size=80, num_hidden_layers=2,
                                               num_attention_heads=4)),
    "mpnet": lambda: ("MPNet", dict(COMMON, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4)),
    "t5-encoder": lambda: ("T5", dict(vocab_size=VOCABULARY, d_model=48, d_kv=12, d_ff=80, num_layers=2, num_heads=4)),
    "modernbert": lambda: ("ModernBert", dict(COMMON, hidden_size=48, intermediate_size=80, num_hidden_layers=2,
                                              num_attention_heads=4, local_attention=8, global_attn_every_n_layers=2)),
}


def random_weights(model):
    """Weights large enough that attention and norms matter: as they come, logits hardly depend on the context."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() >= 2 and "embed" not in name and "wte" not in name and "wpe" not in name:
                p.copy_(noise * 1.2 / max(p.shape[-2:]) ** 0.5)
            elif p.dim() >= 2:
                p.copy_(noise * 0.5)
            else:
                p.add_(noise * 0.2)
    return model


def build(architecture, attention):
    name, settings = (ARCHITECTURES | ENCODERS)[architecture]()
    torch.manual_seed(5)
    if architecture in ENCODERS:
        config_class = getattr(transformers, name + "Config")
        model_class = getattr(transformers, "T5EncoderModel" if name == "T5" else name + "Model")
    else:
        config_class = getattr(transformers, name + ("TextConfig" if False else "Config"), None) or getattr(transformers, name + "Config")
        special = {"GPT2": "GPT2LMHeadModel", "Gemma3Text": "Gemma3ForCausalLM"}
        model_class = getattr(transformers, special.get(name, name + "ForCausalLM"))
    config = config_class(**settings)
    config._attn_implementation = attention
    model = model_class(config).eval()
    if attention != model.config._attn_implementation:
        model.set_attn_implementation(attention)
    return random_weights(model)


class WithPast(torch.nn.Module):
    """As Optimum wraps a model: pasts apart in, presents apart out."""

    def __init__(self, model, positions=True):
        super().__init__()
        self.model = model
        self.positions = positions

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = DynamicCache([(past[i], past[i + 1]) for i in range(0, len(past), 2)])
        more = dict(position_ids=position_ids) if self.positions else {}
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True, **more)
        result = [out.logits]
        for layer in out.past_key_values.layers:
            result += [layer.keys, layer.values]
        return tuple(result)


class WithPastAndNoPositions(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.inner = WithPast(model, positions=False)

    def forward(self, input_ids, attention_mask, *past):
        return self.inner(input_ids, attention_mask, None, *past)


class WithoutPast(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def takes_positions(model):
    import inspect
    return "position_ids" in inspect.signature(model.forward).parameters


def reference(model, folder, encoder):
    ids = torch.tensor([IDS])
    padded = torch.tensor([IDS, [0] * PADDED + IDS[:len(IDS) - PADDED]])
    mask = torch.ones_like(padded)
    mask[1, :PADDED] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        one = dict(input_ids=ids, attention_mask=torch.ones_like(ids))
        two = dict(input_ids=padded, attention_mask=mask)
        if encoder:
            logits, batch = model(**one).last_hidden_state, model(**two).last_hidden_state
        else:
            more = dict(position_ids=positions) if takes_positions(model) else {}
            for _ in range(4):
                logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
                ids = torch.cat([ids, logits[:, -1:].argmax(-1)], 1)
            batch = model(**two, **more, use_cache=False).logits
    numpy.savez_compressed(folder / "reference.npz", ids=ids.numpy(), logits=logits.float().numpy(), batch_ids=padded.numpy(),
                           batch_mask=mask.numpy(), batch_logits=batch.float().numpy())


def cache_shapes(model):
    """[kv heads, size] of each layer's cache, as the model makes it."""
    with torch.no_grad():
        cache = DynamicCache()
        model(input_ids=torch.tensor([[1, 2]]), past_key_values=cache, use_cache=True)
    return [(l.keys.shape[1], l.keys.shape[3]) for l in cache.layers]


def export(architecture, way, folder):
    parts = way.split("-")
    exporter, attention, cache = parts[:3]
    kind = parts[3] if len(parts) > 3 else "f32"
    encoder = architecture in ENCODERS
    opset = int(exporter.lstrip("dynamoscript") or 0) or None
    model = build(architecture, attention)
    folder.mkdir(parents=True, exist_ok=True)
    reference(model, folder, encoder)
    model = model.to({"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}.get(kind, torch.float32))
    dtype = model.dtype
    seq = 3
    ids = torch.randint(0, VOCABULARY, (2, seq))
    names, outputs, axes = ["input_ids", "attention_mask"], ["last_hidden_state" if encoder else "logits"], {}
    if cache == "past":
        shapes = cache_shapes(model)
        past = 4
        args = [ids, torch.ones(2, seq + past, dtype=torch.int64)]
        wrapper = WithPast(model)
        if takes_positions(model):
            names.append("position_ids")
            args.append(torch.arange(past, past + seq).repeat(2, 1))
        else:
            wrapper = WithPastAndNoPositions(model)
        for i, (heads, size) in enumerate(shapes):
            for part in ("key", "value"):
                names.append(f"past_key_values.{i}.{part}")
                outputs.append(f"present.{i}.{part}")
                args.append(torch.randn(2, heads, past, size, dtype=dtype))
    else:
        wrapper = Encoder(model) if encoder else WithoutPast(model)
        args = [ids, torch.ones_like(ids)]
    for name in names + outputs:
        if name.startswith("past"):
            axes[name] = {0: "batch_size", 2: "past_sequence_length"}
        elif name.startswith("present"):
            axes[name] = {0: "batch_size", 2: "total_sequence_length"}
        elif name == "attention_mask" and cache == "past":
            axes[name] = {0: "batch_size", 1: "total_sequence_length"}
        else:
            axes[name] = {0: "batch_size", 1: "sequence_length"}
    file = str(folder / "model.onnx")
    wrapper = wrapper.eval()
    more = dict(opset_version=opset) if opset else {}
    with torch.no_grad():
        if exporter.startswith("dynamo"):
            shapes = [dict(axes[n]) for n in names]
            varargs = sum(1 for n in names if n.startswith("past"))
            if varargs:
                shapes = shapes[:-varargs] + [tuple(shapes[-varargs:])]
            torch.onnx.export(wrapper, tuple(args), file, input_names=names, output_names=outputs, dynamic_shapes=tuple(shapes),
                              dynamo=True, external_data=kind == "external", optimize=True, verbose=False, **more)
        else:
            torch.onnx.export(wrapper, tuple(args), file, input_names=names, output_names=outputs, dynamic_axes=axes, dynamo=False,
                              do_constant_folding=True, **more)


MAIN_WAYS = ["dynamo-sdpa-past", "script14-eager-past", "dynamo-eager-past", "script17-sdpa-past", "dynamo-sdpa-none", "script17-eager-none",
             "dynamo23-sdpa-past", "dynamo-eager-none", "script18-sdpa-none", "dynamo-sdpa-past-f16", "dynamo-sdpa-past-bf16",
             "script17-sdpa-past-f16"]
ENCODER_WAYS = ["dynamo-sdpa-none", "dynamo-eager-none", "script17-eager-none", "script14-sdpa-none"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--only", default=",".join(list(ARCHITECTURES) + list(ENCODERS)))
    parser.add_argument("--ways")
    parser.add_argument("--again", action="store_true", help="also what is there already")
    settings = parser.parse_args()
    for architecture in settings.only.split(","):
        ways = settings.ways.split(",") if settings.ways else ENCODER_WAYS if architecture in ENCODERS else MAIN_WAYS
        for way in ways:
            folder = settings.out / architecture / way
            if not settings.again and ((folder / "model.onnx").exists() or (folder / "refused.txt").exists()):
                continue
            try:
                export(architecture, way, folder)
                print("made", architecture, way, os.path.getsize(folder / "model.onnx"), flush=True)
            except Exception as e:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "refused.txt").write_text(traceback.format_exc()[-6000:])
                print("refused", architecture, way, type(e).__name__, str(e).strip().split("\n")[0][:150], flush=True)


if __name__ == "__main__":
    main()
