"""What the Office watches over the agencies' duties: measured from the tables of record, never from what anybody says of himself.

``updates``: which deliveries are updates of a resource. ``timeliness``: how each resource stands today (Article 26).
``punctuality``: how many updates were due in a period and how many came in time (Articles 34, 35).
Not here: counting days (``policy``), the tickets that follow (``tickets``), charts and pages.
To add a measure: a module with a pure function from records to figures, both A and B, and one that reads them from a district.
"""
