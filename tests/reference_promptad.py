"""PromptAD written down as plainly as it can be said, for tests to compare with: no packing, no sharing, no speed.

Takes an open_clip model and its tokenizer; every prompt is padded to the full context and encoded by itself.
"""

import torch
from torch.nn import functional


def image_features(model, images, memory_layers=(2, 7), tap="public"):
    """[class token, value-value patches, memory 1, memory 2], each divided by its norm."""
    visual = model.visual
    x = visual.conv1(images)
    x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
    x = torch.cat([visual.class_embedding.repeat(len(x), 1, 1), x], dim=1) + visual.positional_embedding
    x = visual.ln_pre(x)
    original, surgery = x.clone(), x.clone()
    hooked = {}
    for index, block in enumerate(visual.transformer.resblocks):
        normed = block.ln_1(original)
        added, added_to_surgery = attention(block.attn, normed)
        # The public code adds in place, so that what a hook kept of the block before changes with it.
        original += added
        if tap == "public" and index - 1 in memory_layers:
            hooked[index - 1] = original[:, 1:].clone()
        original = original + block.mlp(block.ln_2(original))
        surgery += added_to_surgery
        if tap == "block_output" and index in memory_layers:
            hooked[index] = original[:, 1:].clone()
    surgery[:, 0] = original[:, 0]
    tokens = visual.ln_post(surgery) @ visual.proj
    features = [tokens[:, 0], tokens[:, 1:], *(hooked[layer] for layer in memory_layers)]
    return [feature / feature.norm(dim=-1, keepdim=True) for feature in features]


def attention(module, x):
    batch, count, width = x.shape
    heads = module.num_heads
    qkv = (x @ module.in_proj_weight.T + module.in_proj_bias).reshape(batch, count, 3, heads, width // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    scale = (width // heads) ** -0.5
    ordinary = ((q @ k.transpose(-2, -1)) * scale).softmax(-1) @ v
    value_value = ((v @ v.transpose(-2, -1)) * scale).softmax(-1) @ v
    both = [mixed.transpose(1, 2).reshape(batch, count, width) for mixed in (ordinary, value_value)]
    return [mixed @ module.out_proj.weight.T + module.out_proj.bias for mixed in both]


def encode_text(model, embeddings, tokens):
    x = embeddings + model.positional_embedding
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask))
    return x[torch.arange(len(x)), tokens.argmax(-1)] @ model.text_projection


def prompt_features(model, tokenizer, name, states, normal_context, abnormal_context):
    """(normal, hand-made, learned) features, from texts with placeholder words that the contexts overwrite."""
    length, abnormal_length = normal_context.shape[1], abnormal_context.shape[1]

    def encode(text, *contexts):
        words = ["X"] * sum(len(context) for context in contexts)
        tokens = tokenizer([" ".join([*words, text + "."])])
        embeddings = model.token_embedding(tokens).clone()
        embeddings[0, 1 : 1 + len(words)] = torch.cat(contexts)
        return encode_text(model, embeddings, tokens)[0]

    assert length
    assert abnormal_length
    normal = [encode(name, context) for context in normal_context]
    handmade = [encode(state, context) for state in states for context in normal_context]
    learned = [encode(name, context, added) for added in abnormal_context for context in normal_context]
    return torch.stack(normal), torch.stack(handmade), torch.stack(learned)


def step_loss(features, normal, handmade, learned, temperature, task, weight=0.001):
    abnormal = torch.cat([handmade, learned])
    anchor = normal.mean(0) / normal.mean(0).norm()
    abnormal_anchor = abnormal.mean(0) / abnormal.mean(0).norm()
    classes = torch.stack([anchor, *(feature / feature.norm() for feature in abnormal)])
    logits = features @ classes.T * temperature
    if task == "seg":
        logits = logits.transpose(1, 2)
    target = torch.zeros(logits.shape[:1] + logits.shape[2:], dtype=torch.long)
    entropy = functional.cross_entropy(logits, target)
    nearer = ((features - anchor) ** 2).sum(1)
    farther = ((features - abnormal_anchor) ** 2).sum(1)
    triplet = torch.clamp(nearer - farther, min=0).mean()
    means = [torch.stack([row / row.norm() for row in rows]).mean(0) for rows in (handmade, learned)]
    return entropy + triplet + weight * (means[0] - means[1]).norm() ** 2


def train(model, tokenizer, name, states, features, contexts, temperature, task, epochs):
    """Losses of every step, and the prototypes [2, D] at the end."""
    normal_context, abnormal_context = (context.clone().requires_grad_(True) for context in contexts)
    momentum, losses = [torch.zeros_like(context) for context in contexts], []
    for epoch in range(epochs):
        lr = 1e-5 + (0.002 - 1e-5) * (1 + torch.cos(torch.tensor(torch.pi * epoch / epochs, dtype=torch.double))) / 2
        text = prompt_features(model, tokenizer, name, states, normal_context, abnormal_context)
        loss = step_loss(features, *text, temperature, task)
        gradients = torch.autograd.grad(loss, (normal_context, abnormal_context))
        losses.append(loss.item())
        with torch.no_grad():
            for context, gradient, velocity in zip(
                (normal_context, abnormal_context), gradients, momentum, strict=True
            ):
                velocity.mul_(0.9).add_(gradient + 5e-4 * context)
                context.sub_(float(lr) * velocity)
    with torch.no_grad():
        normal, handmade, learned = prompt_features(model, tokenizer, name, states, normal_context, abnormal_context)
    prototypes = [rows.mean(0) for rows in (normal, torch.cat([handmade, learned]))]
    return losses, torch.stack([prototype / prototype.norm() for prototype in prototypes])


def semantic(features, prototypes, temperature):
    return (temperature * features @ prototypes.T).softmax(-1)[..., 1]


def memory(features, gallery):
    scores = []
    for patches, shots in zip(features, gallery, strict=True):
        distances = 1 - patches @ shots.reshape(-1, shots.shape[-1]).T
        scores.append(distances.min(-1).values / 2)
    return 0.5 * (scores[0] + scores[1])
