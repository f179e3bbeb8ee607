"""The ledger of sends: what is planned, who works on it, what was handed over and what came of it.

Every change is a conditional update that names the state and the attempt it expects, and looks at the row count.
A worker that was too slow, or came twice, finds that its update touches nothing and leaves the send alone.

    scheduled ──claim (lease, attempt + 1)──▶ scheduled, leased ──go──▶ sending ──receipt──▶ sent | failed
        ▲                                          │ lease over            │ lease over
        └──────────────────────────────────────────┘                      ▼
                                                                        unknown (never sent again by itself)
"""
