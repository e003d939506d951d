"""A page that shows the question graphs of a suite to whoever has to answer for them."""
