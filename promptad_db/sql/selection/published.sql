-- One row a published mean, from the columns of the shipped table, AUROCs as fractions, NULL for unknown.
-- parameters: auxiliary, backbone, confirmed, dataset, k_shot, level, mean, method, of_categories, protocol, rendered, resolution, seeds, selection, source, std
SELECT
    method COLLATE "C" AS method,
    dataset COLLATE "C" AS dataset,
    CAST(k_shot AS INTEGER) AS k_shot,
    CASE level WHEN 'image' THEN 'cls' ELSE 'seg' END COLLATE "C" AS task,
    CAST(mean AS DOUBLE PRECISION) / 100 AS mean,
    CAST(NULLIF(std, '') AS DOUBLE PRECISION) / 100 AS std,
    NULLIF(protocol, '') AS protocol,
    NULLIF(backbone, '') AS backbone,
    NULLIF(resolution, '') AS resolution,
    NULLIF(rendered, '') AS rendered,
    NULLIF(selection, '') AS selection,
    CAST(NULLIF(seeds, '') AS BIGINT) AS seeds,
    auxiliary = 'yes' AS auxiliary,
    source COLLATE "C" AS source,
    confirmed = 'yes' AS confirmed,
    CAST(of_categories AS BIGINT) AS of_categories
FROM (
    SELECT
        UNNEST(CAST(:method AS VARCHAR[])) AS method,
        UNNEST(CAST(:dataset AS VARCHAR[])) AS dataset,
        UNNEST(CAST(:k_shot AS VARCHAR[])) AS k_shot,
        UNNEST(CAST(:level AS VARCHAR[])) AS level,
        UNNEST(CAST(:mean AS VARCHAR[])) AS mean,
        UNNEST(CAST(:std AS VARCHAR[])) AS std,
        UNNEST(CAST(:protocol AS VARCHAR[])) AS protocol,
        UNNEST(CAST(:backbone AS VARCHAR[])) AS backbone,
        UNNEST(CAST(:resolution AS VARCHAR[])) AS resolution,
        UNNEST(CAST(:rendered AS VARCHAR[])) AS rendered,
        UNNEST(CAST(:selection AS VARCHAR[])) AS selection,
        UNNEST(CAST(:seeds AS VARCHAR[])) AS seeds,
        UNNEST(CAST(:auxiliary AS VARCHAR[])) AS auxiliary,
        UNNEST(CAST(:source AS VARCHAR[])) AS source,
        UNNEST(CAST(:confirmed AS VARCHAR[])) AS confirmed,
        UNNEST(CAST(:of_categories AS BIGINT[])) AS of_categories
) AS given
