select
    resource, title, agency, agency_name, update_cycle, state, last_data_date, last_received_at, due_date, grace_until, missed, data_lag_days,
    data_lagging
from system.update_timeliness
