"""What the payment service says before a press, and what is not asked."""

from enum import StrEnum


class PlanRisk(StrEnum):
    """Why a payment line may not come back as the plan says."""

    NOT_FOUND = "not_found"
    DISPUTED = "disputed"
    NOT_CAPTURED = "not_captured"
    WINDOW_OVER = "window_over"
    PART_REFUNDED = "part_refunded"
    UNKNOWN = "unknown"  # the service gave no answer that can be read


class NotAsked(StrEnum):
    """Why lines were not asked about."""

    CREDITS = "credits"  # the credits service has no such read
    STORE_CREDIT = "store_credit"  # no payment is touched
    UNSUPPORTED = "unsupported"  # the payment service has none
    ACCOUNT_UNREADABLE = "account_unreadable"  # the business's own key can't be read here
    OVER_LIMIT = "over_limit"
    OUT_OF_TIME = "out_of_time"
