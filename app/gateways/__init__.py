"""The only way out to the upstreams that give money and credits back.

Every answer becomes an outcome. `outcomes` is the vocabulary, `http` the pooled client, `answers`
the pure reading of what came back, `payments` and `credits` the two contracts, `build` puts them
together. One rule runs through all of them: an outcome that says "surely not done" is given only
where the upstream said so, or nothing was ever sent. All else is `Indeterminate`, because a wrong
"not done" is a second refund.
"""
