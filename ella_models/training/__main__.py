"""`python -m ella_models.training`: the command `ella`, in the form that `accelerate launch -m` takes."""

from ella_models.training.cli import main

if __name__ == "__main__":
    main()
