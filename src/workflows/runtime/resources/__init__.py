"""Resources: what steps are given beside events and the context, how it's made, kept and closed.

`lifetimes` decides how long each lives, `making` has one made for all who need it, `resolving` gives a step its own,
`keeping` holds those that are open for as long as a run.
"""
