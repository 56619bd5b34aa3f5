-- One row a day: what is known in the evening, and how warm the next day became.
WITH ordered AS (
    SELECT
        *,
        lead(temp_max) OVER days AS high_tomorrow,
        lag(temp_max) OVER days AS high_yesterday,
        avg(temp_max) OVER (days ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS high_of_week
    FROM weather
    WINDOW days AS (ORDER BY "date")
)

SELECT
    strftime(CAST("date" AS DATE), '%Y-%m-%dT20:00:00-08:00') AS evening,
    dayofyear(CAST("date" AS DATE)) AS day,
    precipitation,
    temp_max AS high,
    temp_min AS low,
    high_yesterday,
    high_of_week,
    wind,
    weather,
    high_tomorrow
FROM ordered
WHERE
    high_tomorrow IS NOT NULL
    AND high_yesterday IS NOT NULL
    AND CAST("date" AS DATE) < CAST($until AS DATE)
ORDER BY evening
