"""MJML and Jinja in, Jinja templates of HTML and text out: once for each change of a template."""
