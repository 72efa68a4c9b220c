"""The families that hfselect does not know, and forms of a folder that others publish; `generate.py` runs this."""

import json

import torch
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DebertaV2Model,
    ElectraConfig,
    ElectraForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    ModernBertModel,
    MPNetConfig,
    MPNetForMaskedLM,
)

from tiny import (
    DEBERTA_SPECIAL, byte_level_bpe, embed, finish, fresh, randomize, save_tokenizer, sentence_folder,
    sentence_transformer_agrees, unigram, wordpiece,
)

SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
             max_position_embeddings=40)


def write(name, model, tokenizer, bert, pooling, change=None):
    """A folder as transformers saves it; `change` rewrites its config, which transformers then reads."""
    folder = fresh(name)
    randomize(model).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=bert)
    if change is not None:
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    loaded = AutoModel.from_pretrained(folder).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), pooling))


def mpnet():
    """Texts are longer than the 8 distances that have a bucket each."""
    tokenizer = byte_level_bpe()
    config = MPNetConfig(vocab_size=tokenizer.get_vocab_size(), **SIZES | dict(num_attention_heads=2))
    write("mpnet", MPNetForMaskedLM(config), tokenizer, False, "cls")


def modernbert():
    """As transformers 5 writes it, and as transformers 4 did, with all biases; windows shorter than the texts."""
    tokenizer = wordpiece()
    sizes = SIZES | dict(vocab_size=tokenizer.get_vocab_size(), pad_token_id=0, bos_token_id=2, eos_token_id=3,
                         cls_token_id=2, sep_token_id=3)
    config = ModernBertConfig(**sizes | dict(num_hidden_layers=3, num_attention_heads=2, intermediate_size=40),
                              local_attention=8, classifier_pooling="mean")
    write("modernbert", ModernBertModel(config), tokenizer, True, "mean")

    def as_before(config):
        for key in ["layer_types", "rope_parameters", "dtype"]:
            del config[key]
        config |= dict(global_attn_every_n_layers=2, global_rope_theta=900.0, local_rope_theta=50.0,
                       position_embedding_type="absolute", layer_norm_eps=0.01, torch_dtype="float32",
                       transformers_version="4.48.0")

    config = ModernBertConfig(**sizes | dict(num_attention_heads=8), local_attention=7, hidden_activation="silu",
                              norm_bias=True, attention_bias=True, mlp_bias=True, norm_eps=1e-3,
                              layer_types=["full_attention", "sliding_attention"])
    write("modernbert-4", ModernBertForMaskedLM(config), tokenizer, True, "cls", as_before)


def deberta():
    """As version 3 is, with logarithmic buckets; with all that version 2 could have else; and with half of attention."""
    tokenizer = unigram(DEBERTA_SPECIAL, "[CLS]", "[SEP]", "[UNK]")
    sizes = SIZES | dict(vocab_size=tokenizer.get_vocab_size(), pad_token_id=0, relative_attention=True)

    def as_before(config):
        config["pos_att_type"] = "p2c|c2p"

    config = DebertaV2Config(**sizes | dict(num_attention_heads=2), position_buckets=8, share_att_key=True,
                             norm_rel_ebd="layer_norm", pos_att_type=["p2c", "c2p"], position_biased_input=False)
    write("deberta-v3", DebertaV2ForMaskedLM(config), tokenizer, True, "cls", as_before)
    config = DebertaV2Config(**sizes, max_relative_positions=10, pos_att_type=["c2p", "p2c"], type_vocab_size=2)
    write("deberta-v2", DebertaV2Model(config), tokenizer, True, "cls")
    config = DebertaV2Config(**sizes | dict(num_hidden_layers=1), position_buckets=12, pos_att_type=["p2c"],
                             norm_rel_ebd="layer_norm", position_biased_input=False)
    write("deberta-p2c", DebertaV2Model(config), tokenizer, True, "cls")


def electra():
    tokenizer = wordpiece()
    config = ElectraConfig(vocab_size=tokenizer.get_vocab_size(), embedding_size=20, **SIZES)
    write("electra", ElectraForMaskedLM(config), tokenizer, True, "cls")


def albert():
    """Two groups of two layers in three turns."""
    tokenizer = wordpiece()
    config = AlbertConfig(vocab_size=tokenizer.get_vocab_size(), embedding_size=20, num_hidden_groups=2,
                          inner_group_num=2, **SIZES | dict(num_hidden_layers=3, intermediate_size=20))
    model = AlbertForMaskedLM(config)
    # The pooler is in the published checkpoints, but this class does not make one.
    model.albert = type(model.albert)(config)
    write("albert", model, tokenizer, True, "pooler")


def bge():
    """As BGE and E5 are published: first token or mean, a norm, a longer length, and prompts, here even one by default."""
    tokenizer = wordpiece()
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), **SIZES | dict(num_hidden_layers=1))
    folder = fresh("bge")
    randomize(BertModel(config, add_pooling_layer=False)).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=True)
    sentence_folder(folder, "cls")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(
        {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": "query",
         "similarity_fn_name": "cosine"}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 512, "do_lower_case": True}))
    loaded, tokenizer = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval(), AutoTokenizer.from_pretrained(folder)

    class Encoder:  # hfselect would ask a BERT for its pooler
        def __call__(self, *arguments, **options):
            return loaded(*arguments, **options)

    expected = embed(Encoder(), tokenizer, "cls")
    sentence_transformer_agrees(folder, expected, prompt="")
    finish(folder, expected)


def shards():
    """A pickled checkpoint in two files, as transformers 4 wrote large ones."""
    tokenizer = wordpiece()
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), **SIZES | dict(num_hidden_layers=1))
    model = randomize(BertModel(config))
    folder = fresh("bert-shards")
    save_tokenizer(tokenizer, folder, bert=True)
    config.save_pretrained(folder)
    names = list(model.state_dict())
    halves = [names[:5], names[5:]]
    files = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    for file, half in zip(files, halves):
        torch.save({name: model.state_dict()[name].clone() for name in half}, folder / file)
    index = {name: file for file, half in zip(files, halves) for name in half}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": index}))
    loaded = AutoModel.from_pretrained(folder).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "pooler"))


WRITERS = {"mpnet": mpnet, "modernbert": modernbert, "deberta": deberta, "electra": electra, "albert": albert, "bge": bge,
           "shards": shards}
