-- Every flight of some days that arrived, with what was known about it at its scheduled departure,
-- the weather of its origin in that hour, and whether it came more than 15 minutes late.
-- Nothing that came later (actual times, the aircraft that flew) is in a row.
SELECT
    f.carrier,
    f.origin,
    f.dest,
    f.distance,
    strftime(f.time_hour + to_minutes(f.minute), '%Y-%m-%dT%H:%M:%SZ') AS scheduled,
    w.temp,
    w.dewp,
    w.humid,
    w.wind_speed,
    w.precip,
    w.pressure,
    w.visib,
    f.flight,
    CAST(f.arr_delay > 15 AS INTEGER) AS late
FROM flights AS f
LEFT JOIN weather AS w USING (origin, time_hour)
WHERE f.arr_delay IS NOT NULL -- neither cancelled nor diverted
    -- The days are those on the clocks of New York.
    AND make_date(f.year, f.month, f.day) >= CAST($train_from AS DATE)
    AND make_date(f.year, f.month, f.day) < CAST($train_until AS DATE)
ORDER BY scheduled, f.origin, f.carrier, f.flight
