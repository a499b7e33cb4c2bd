"""The steward's desk: pages for people, made by the same use cases as the API's answers.

A page is a template and the module of the same name. It works without JavaScript: what changes something is a form that
is posted, and htmx only swaps in the part of the same page that changed.
"""
