def rendered_page(r):
    return ""
