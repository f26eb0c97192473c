-- One row a method and variant of an experiment that has cells of both tasks: CLS and SEG side by side, AUROCs and gaps 0..1;
-- abs_gap_ratio is the mean absolute gap of SEG over that of CLS.
SELECT
    cls.experiment, cls.method, cls.variant,
    cls.cells AS cls_cells,
    seg.cells AS seg_cells,
    cls.semantic_mean AS cls_semantic_mean,
    seg.semantic_mean AS seg_semantic_mean,
    cls.memory_mean AS cls_memory_mean,
    seg.memory_mean AS seg_memory_mean,
    cls.mean_abs_gap AS cls_mean_abs_gap,
    seg.mean_abs_gap AS seg_mean_abs_gap,
    seg.mean_abs_gap / NULLIF(cls.mean_abs_gap, 0) AS abs_gap_ratio
FROM task_summary AS cls
JOIN task_summary AS seg
    ON seg.experiment = cls.experiment AND seg.method = cls.method AND seg.variant = cls.variant
WHERE cls.task = 'cls' AND seg.task = 'seg'
