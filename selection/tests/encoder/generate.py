"""Writes the golden folders beside this file: tiny models with random weights, and their embeddings by torch.

    pip install hf-dataset-selector sentence-transformers
    python generate.py [NAME...]                         # the tiny models, or those that these functions write
    python generate.py minilm MODEL_FOLDER TREC_CSV      # minilm.json: some numbers of the real all-MiniLM-L6-v2

Each folder holds a model as transformers writes it and `expected.json`: the token ids and the pooled embeddings of
`texts.json`, computed by hfselect's own `get_pooled_output` (padded batches) where it knows the family.
"""

import csv
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaModel,
)

import families
from tiny import (
    HERE, MAX_LENGTH, TEXTS, byte_level_bpe, embed, finish, fresh, randomize, save_tokenizer, sentence_folder,
    sentence_transformer_agrees, unigram, wordpiece,
)


def bert():
    tokenizer = wordpiece()
    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40)
    model = randomize(BertForMaskedLM(config))
    plain = randomize(BertModel(config))

    # BERT as transformers saves it: pooler output.
    folder = fresh("bert")
    plain.save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=True)
    loaded = AutoModel.from_pretrained(folder).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "pooler"))

    # The same weights as a sentence-transformers folder: mean, and the Normalize module is not obeyed.
    mean = fresh("bert-mean")
    shutil.copytree(folder, mean, dirs_exist_ok=True)
    sentence_folder(mean, "mean")
    with tempfile.TemporaryDirectory() as parent:
        # hfselect takes the mean where the path says so.
        named = Path(parent) / "sentence-transformers"
        shutil.copytree(mean, named)
        expected = embed(AutoModel.from_pretrained(named).eval(), AutoTokenizer.from_pretrained(named), "mean")
    sentence_transformer_agrees(mean, expected)
    finish(mean, expected)

    # The same weights rounded to f16; torch computes in f32.
    half = fresh("bert-f16")
    shutil.copytree(folder, half, dirs_exist_ok=True)
    rounded = {k: v.half() if v.is_floating_point() else v for k, v in load_file(folder / "model.safetensors").items()}
    save_file(rounded, half / "model.safetensors", metadata={"format": "pt"})
    loaded = AutoModel.from_pretrained(half, dtype=torch.float32).eval()
    finish(half, embed(loaded, AutoTokenizer.from_pretrained(half), "pooler"))

    # As the first checkpoints look: pickled, prefixed, gamma and beta, a config without model_type, unused heads.
    old = fresh("bert-bin")
    save_tokenizer(tokenizer, old, bert=True)
    keys = ["hidden_size", "hidden_act", "vocab_size", "num_attention_heads", "num_hidden_layers", "intermediate_size",
            "max_position_embeddings", "type_vocab_size"]
    (old / "config.json").write_text(json.dumps({key: getattr(config, key) for key in keys}))
    state = {"bert." + k: v for k, v in plain.state_dict().items()}
    state |= {k: v for k, v in model.state_dict().items() if k.startswith("cls.predictions.transform")}
    state = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
             for k, v in state.items()}
    torch.save(state, old / "pytorch_model.bin")
    finish(old, embed(plain, AutoTokenizer.from_pretrained(old), "pooler"))


def distilbert():
    tokenizer = wordpiece()
    config = DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, vocab_size=tokenizer.get_vocab_size(),
                              max_position_embeddings=40)
    folder = fresh("distilbert")
    randomize(DistilBertForMaskedLM(config)).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=True)
    loaded = AutoModel.from_pretrained(folder).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "cls"))


def roberta():
    tokenizer = byte_level_bpe()
    config = RobertaConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                           vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40, type_vocab_size=1,
                           layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    folder = fresh("roberta")
    randomize(RobertaForMaskedLM(config)).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=False)
    loaded = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "cls"))


def xlm_roberta():
    """In shards, and with the tanh form of gelu."""
    tokenizer = unigram()
    config = XLMRobertaConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                              vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40, type_vocab_size=1,
                              layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
                              hidden_act="gelu_new")
    folder = fresh("xlm-roberta")
    randomize(XLMRobertaModel(config, add_pooling_layer=False)).save_pretrained(folder, max_shard_size="40KB")
    save_tokenizer(tokenizer, folder, bert=False)
    loaded = XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "cls"))


def minilm(model_folder, trec):
    """8 rows x 8 columns of the embeddings of the first 32 texts, at most 48 tokens: numbers only, no texts."""
    texts = [row["text"] for row in csv.DictReader(open(trec, newline=""))][:32]
    tokenizer, model = AutoTokenizer.from_pretrained(model_folder), AutoModel.from_pretrained(model_folder).eval()
    batch = tokenizer(texts, padding="max_length", truncation=True, max_length=48, return_tensors="pt",
                      return_token_type_ids=False)
    with torch.no_grad():
        hidden = model(batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    mask = batch["attention_mask"].unsqueeze(-1).float()
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    rows, columns = list(range(0, 32, 4)), list(range(0, 384, 48))
    values = [[round(pooled[i, j].item(), 8) for j in columns] for i in rows]
    (HERE / "minilm.json").write_text(
        json.dumps({"max_length": 48, "texts": 32, "rows": rows, "columns": columns, "values": values}))


WRITERS = {"bert": bert, "distilbert": distilbert, "roberta": roberta, "xlm_roberta": xlm_roberta} | families.WRITERS


if __name__ == "__main__":
    torch.set_num_threads(1)
    (HERE / "texts.json").write_text(json.dumps({"max_length": MAX_LENGTH, "texts": TEXTS}, ensure_ascii=False))
    if sys.argv[1:2] == ["minilm"]:
        minilm(*sys.argv[2:])
    else:
        for name in sys.argv[1:] or WRITERS:
            WRITERS[name]()
    Path("hfselect_logs.log").unlink(missing_ok=True)  # hfselect makes it where it is imported
