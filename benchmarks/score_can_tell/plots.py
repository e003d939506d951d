def draw_plots(r, f):
    pass
