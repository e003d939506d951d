"""A miniature world, small enough that everything about it is real: the truth, the models, and the judge's errors.

**The world.** A `scene` is a record: things with attributes in four cells, links between them, a background, a style;
`sampling` draws one from a seed. `drawing` makes a picture of 64 × 64 px of it, `captions` the dense and the short
texts that people might write about it, `graph` the question graph of a dense caption in DPG-Bench's form. Each sentence
brings the `facts` that it states, so a graph is true by construction; `oracle` answers any of its questions for any
scene. `questions` draws questions for training, true ones and hard false ones. One scene in sixteen, by its own digest,
is held out from every training, and the `suite` of 200 prompts (`prompts/miniature.csv`) is made of such scenes.

**The models.** `train.stages` makes them one after another, each in a folder of its own, each going on where it was
stopped, to the same bytes as without the stop (`train.loop`):

- `judge`: the product's mPLUG at small size, on pictures and questions drawn anew at every step;
- `tokenizers`: CLIP's byte pairs and T5's pieces, from captions;
- `vae`: diffusers' autoencoder; `latents`: the data set of the next stages;
- `unet`: Stable Diffusion's U-Net, which is told what a scene holds as tokens, so that it need not learn to read first;
- `pipeline`: CLIP's text encoder before the frozen U-Net, on short captions, as SD 1.5 learned from web captions;
- `t5`: a T5 encoder, on the world's text alone;
- `connector`: ELLA's connector, by the product's own training command, on dense captions before the frozen U-Net;
- `final-judge`: the judge once more, on pictures as the autoencoder and the U-Net make them.

    python -m dpg_bench.miniature suite --out prompts/miniature.csv      # the suite again, byte for byte
    python -m dpg_bench.miniature sheet --out sheet.png                  # pictures to look at
    python -m dpg_bench.miniature train --out runs/miniature             # all stages, or --stage NAME
    python -m dpg_bench.miniature accuracy --judge runs/miniature/judge  # right answers by category

Nothing here is used by the benchmark's own code: models and judge of the miniature are weights like any others.
"""
