-- The table of half the widths of the paired 95 % intervals of gaps; a cell without placements of both branches has none.
CREATE TEMPORARY TABLE paired_gaps AS
SELECT
    UNNEST(CAST(:numbers AS BIGINT[])) AS number,
    UNNEST(CAST(:names AS VARCHAR[])) AS category,
    UNNEST(CAST(:half_widths AS DOUBLE PRECISION[])) AS half_width
