"""The controllers: what the cluster does by itself, once something has changed. One module each, named as upstream names it."""
