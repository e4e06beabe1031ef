"""A job's signed proof, and the public keys: what an audit is checked with when it is elsewhere."""

from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app.api.authorise import caller
from app.api.bodies import Answer
from app.api.cancellations.cancellation_streams import audit_headers
from app.api.dependencies import Service, State
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation.audit import proof
from app.domain.fields import Uuid
from app.domain.nouns.evidence import TYP
from app.errors import Problem
from app.signatures import SigningKeys

router = APIRouter(prefix="/bulk-cancellations", tags=["cancellations"])
of_anybody = APIRouter(prefix="/evidence", tags=["public"])

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]
_MEDIA_TYPE: Final = "application/jose+json"


class PublicKeyDocument(Answer):
    """A public key, as RFC 7517 and RFC 8037 have it."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["Ed25519"]


class PublicKeys(Answer):
    """Every key that a proof may be signed with, the one of now first."""

    keys: list[PublicKeyDocument]


@router.get(
    "/{job_id}/audit.proof",
    summary="The audit's signed proof",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": (
                "A JSON Web Signature (RFC 7515, flattened; Ed25519) over the job's id and status, "
                "whether it is `final`, how many `lines` the audit CSV has after its header, the "
                "`line_hash` of the last, and when that was so. `GET /v1/evidence/keys` has the "
                "keys; `bulk-cancel check-audit FILE PROOF` checks both files offline."
            ),
            "content": {
                _MEDIA_TYPE: {
                    "schema": {
                        "type": "object",
                        "required": ["payload", "protected", "signature"],
                        "properties": {
                            name: {"type": "string"}
                            for name in ("payload", "protected", "signature")
                        },
                    }
                }
            },
        },
        **problems("evidence-not-configured", "too-many-streams"),
    },
)
async def get_audit_proof(job_id: Uuid, who: Reader, service: Service) -> StreamingResponse:
    """Of the audit CSV as it stands now; of a large one it takes as long as that.

    It names nobody. A proof that is kept elsewhere finds every later change of a line.
    """
    keys = _keys(service)
    if keys is None:
        detail = "No proof can be signed here: BULK_CANCEL_EVIDENCE_KEY is not set."
        raise Problem(409, "evidence-not-configured", "Proofs are not configured", detail)
    proven = await proof.of_job(service.db, who.business_id, job_id)
    signed = orjson.dumps(keys.sign(proven.document(), typ=TYP))
    headers = audit_headers(job_id, None, extension="proof")
    return StreamingResponse(iter([signed]), headers=headers, media_type=_MEDIA_TYPE)


@of_anybody.get("/keys", summary="The public keys of proofs")
async def get_evidence_keys(service: Service) -> PublicKeys:
    """A JSON Web Key Set: without a key of the caller's, as proofs are for whoever has them."""
    keys = _keys(service)
    listed = [] if keys is None else [PublicKeyDocument(**one.jwk()) for one in keys.public]
    return PublicKeys(keys=listed)


def _keys(service: State) -> SigningKeys | None:
    return service.settings.signing_keys()
