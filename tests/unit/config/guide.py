"""The guide's tables, typed in again from the guide itself: nothing here comes from config/."""

from __future__ import annotations

APPENDIX_A = {
    0x00000000: "SMPP_ESME_ROK",
    0x00000001: "SMPP_ESME_RINVMSGLEN",
    0x00000002: "SMPP_ESME_RINVCMDLEN",
    0x00000003: "SMPP_ESME_RINVCMDID",
    0x00000004: "SMPP_ESME_RINVBNDSTS",
    0x00000005: "SMPP_ESME_RALYNBD",
    0x00000007: "SMPP_ESME_RINVREGDLVFLG",
    0x00000008: "SMPP_ESME_RSYSERR",
    0x0000000A: "SMPP_ESME_RINVSRCADR",
    0x0000000B: "SMPP_ESME_RINVDSTADR",
    0x0000000C: "SMPP_ESME_RINVMMSGID",
    0x0000000D: "SMPP_ESME_RBINDFAIL",
    0x0000000E: "SMPP_ESME_RINVPASWD",
    0x0000000F: "SMPP_ESME_RINVSYSID",
    0x00000014: "SMPP_ESME_RMSGQFUL",
    0x00000043: "SMPP_ESME_RINVESMCLASS",
    0x00000048: "SMPP_ESME_RINVSRCN",
    0x00000053: "SMPP_ESME_RINVSYSTYP",
    0x00000058: "SMPP_ESME_RTHROTTLED",
    0x00000061: "SMPP_ESME_RINVSCHED",
    0x00000062: "SMPP_ESME_RINVEPIRY",
    0x00000064: "SMPP_ESME_RX_T_APPN",
    0x00000065: "SMPP_ESME_RX_P_APPN",
    0x00000066: "SMPP_ESME_RX_R_APPN",
    0x000000C1: "SMPP_ESME_ROPTPARNOTALLWD",
    0x000000C2: "SMPP_ESME_RINVPARLEN",
    0x000000FF: "SMPP_ESME_RUNKNOWNERR",
    0x00000400: "SMPP_ESME_ROUTERR",
    0x00000401: "SMPP_ESME_NOCR",
    0x00000402: "SMPP_ESME_MAXCR",
    0x00000403: "SMPP_ESME_ACCFROZ",
    0x00000404: "SMPP_ESME_DATAERR",
    0x00000405: "SMPP_ESME_GENERR",
}
"""Guide §14: code and the guide's own spelling."""

APPENDIX_B = {
    1: "Message unknown",
    2: "Message queued",
    3: "Delivered to gateway",
    4: "Received by recipient",
    5: "Error with message",
    6: "User cancelled message delivery",
    7: "Error delivering message",
    8: "OK",
    9: "Routing error",
    10: "Message expired",
    11: "Message queued for later delivery",
    12: "Out of credit",
}
"""Guide §15: number and description."""

PDUS = (
    "bind_transmitter", "bind_transmitter_resp", "bind_receiver", "bind_receiver_resp", "bind_transceiver",
    "bind_transceiver_resp", "submit_sm", "submit_sm_resp", "enquire_link", "enquire_link_resp", "query_sm",
    "query_sm_resp", "deliver_sm_resp",
)  # fmt: skip
"""Guide §8, both columns; the guide lists `deliver_sm_resp` twice and means deliver_sm in the second."""

SECTIONS = (
    "1", "2", "3", "4", "5", "5 step 1", "5 step 2", "5 step 3", "5 step 4", "5 step 5", "6", "7", "8", "9", "10",
    "10.1", "10.2", "11", "12", "13", "14", "15", "16", "17",
)  # fmt: skip
