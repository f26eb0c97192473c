-- The categories that the filters choose; it ends the text of run_auroc.
-- parameters: categories
WHERE CAST(:categories AS VARCHAR[]) IS NULL OR category = ANY(CAST(:categories AS VARCHAR[]))
