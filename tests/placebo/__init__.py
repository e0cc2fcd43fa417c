"""Every analysis in worlds in which nothing happens: what does it announce?"""
