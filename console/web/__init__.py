"""The console as a web server: routes, sign-in, static files, gunicorn.

May import the other folders of `console`, `common` and `contract`.
"""
