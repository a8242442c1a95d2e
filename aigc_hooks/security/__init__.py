"""Signed labels: SecurityData in ``ReservedCode1`` (TC260-PG-202511A), written and verified.

The guide was never read itself: what is here is what its implementations and two real labels show. What is not the
guide's, but ours, says so: the algorithms ES256 and Ed25519 (``"Type":"aigc-hooks"``) and the binding of the content.
"""
