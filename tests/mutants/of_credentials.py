"""The defects that `make mutants` seeds in how secrets are kept."""

from mutants.defects import Defect, defect

SEALING = "tests/unit/test_encryption.py"
TOKENS = "tests/integration/cancellations/test_upstream_tokens.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a seal opens in any row",
        "app/encryption.py",
        "json.dumps([_BOUND, self.table, self.column, self.row_id])",
        "json.dumps([_BOUND, self.table, self.column])",
        SEALING,
    ),
    defect(
        "a seal opens in any column of any table",
        "app/encryption.py",
        "json.dumps([_BOUND, self.table, self.column, self.row_id])",
        "json.dumps([_BOUND, self.row_id])",
        SEALING,
    ),
    defect(
        "what was sealed before stays unbound",
        "app/encryption.py",
        "        return self.encrypt(self.decrypt(encrypted, place), place)\n",
        "        return self._fernet.encrypt(self.decrypt(encrypted, place).encode()).decode()\n",
        SEALING,
    ),
    defect(
        "what was sealed before does not open",
        "app/encryption.py",
        '        if "." in encrypted:\n',
        "        if encrypted:\n",
        SEALING,
    ),
    defect(
        "the last key seals",
        "app/encryption.py",
        "self._ciphers[0].encrypt(",
        "self._ciphers[-1].encrypt(",
        SEALING,
    ),
    defect(
        "the platform's token is sent where the business's own can't be opened",
        "app/refunds/payment_account.py",
        "    return UnreadableAccount(\"the business's own key can't be opened here\")\n",
        "    return None\n",
        TOKENS,
    ),
    defect(
        "a refund is asked for though the business's token can't be opened",
        "app/gateways/by_reference.py",
        "        if isinstance(order.payment_account, UnreadableAccount):\n            return Unavailable(order.payment_account.detail, None)\n"
        "        headers = account_of(order.payment_account)",
        "        headers = (account_of(None) if isinstance(order.payment_account, UnreadableAccount) else account_of(order.payment_account))",
        TOKENS,
    ),
    defect(
        "it is looked up though the business's token can't be opened",
        "app/gateways/by_reference.py",
        "        if isinstance(order.payment_account, UnreadableAccount):\n"
        '            return Indeterminate(f"look-up: {order.payment_account.detail}")\n',
        "        if isinstance(order.payment_account, UnreadableAccount):\n"
        '            headers = {"reference": order.refund_id}\n'
        '            return finding_of(await self._upstream.call("GET", self._path, query=headers), order, '
        "now=self._clock())\n",
        TOKENS,
    ),
    defect(
        "a look-up has the platform's token",
        "app/gateways/by_reference.py",
        "query=query, headers=account_of(order.payment_account))",
        "query=query)",
        TOKENS,
    ),
    defect(
        "a refund is asked for with the platform's token",
        "app/gateways/by_reference.py",
        'headers = account_of(order.payment_account) | {"Idempotency-Key"',
        'headers = {"Idempotency-Key"',
        TOKENS,
    ),
    defect(
        "the token of any business is sent",
        "app/db/access/upstream_tokens.py",
        "query = sa.select(*_COLUMNS.values()).where(businesses.c.id == business_id)",
        "query = sa.select(*_COLUMNS.values()).order_by(businesses.c.id).limit(1)",
        TOKENS,
    ),
    defect(
        "credits are asked for with the payments' token",
        "app/refunds/payment_account.py",
        "_with_token(runtime, tokens.credits, encrypted.credits_token(business_id))",
        "_with_token(runtime, tokens.payments, encrypted.payments_token(business_id))",
        TOKENS,
    ),
    defect(
        "tokens for upstreams are not sealed anew",
        "app/db/access/encrypted.py",
        "    (businesses, businesses.c.credits_token_sealed),\n",
        "",
        "tests/acceptance/test_cli_accounts.py::test_after_sealing_anew_the_old_key_may_go",
    ),
    defect(
        "a business's own account at Stripe is not looked for",
        "app/gateways/stripe/__init__.py",
        "has_connected_accounts: Final = True",
        "has_connected_accounts: Final = False",
        "tests/integration/cancellations/test_stripe_accounts.py",
    ),
    defect(
        "Stripe's calls for the platform's account are counted for each business",
        "app/gateways/stripe/__init__.py",
        "counts_platform_calls_together: Final = True",
        "counts_platform_calls_together: Final = False",
        "tests/integration/cancellations/test_stripe_rates.py",
    ),
)
