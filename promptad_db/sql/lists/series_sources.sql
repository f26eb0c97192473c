-- One row a series of seeds and branch: where its numbers come from, how the epoch was selected and under which protocol, each
-- mixed where runs or categories differ; a selection of which only a part looked at the test set is partly best_on_test.
SELECT
    run_keys.task, run_keys.experiment, run_keys.method, run_keys.variant, run_auroc.branch, run_keys.dataset,
    run_keys.k_shot,
    CASE
        WHEN MIN(run_auroc.provenance) = MAX(run_auroc.provenance) THEN MIN(run_auroc.provenance)
        ELSE 'mixed'
    END AS provenance,
    CASE
        WHEN MIN(runs.selection) = MAX(runs.selection) THEN MIN(runs.selection)
        WHEN COUNT(CASE WHEN runs.selection = 'best_on_test' THEN 1 END) > 0 THEN 'partly best_on_test'
        ELSE 'mixed'
    END AS selection,
    CASE WHEN MIN(runs.protocol) = MAX(runs.protocol) THEN MIN(runs.protocol) ELSE 'mixed' END AS protocol
FROM run_auroc
JOIN run_keys ON run_keys.run_number = run_auroc.run_number
JOIN runs ON runs.run_id = run_keys.run_id
WHERE run_auroc.recency = 1 AND run_auroc.auroc IS NOT NULL
GROUP BY
    run_keys.task, run_keys.experiment, run_keys.method, run_keys.variant, run_auroc.branch, run_keys.dataset,
    run_keys.k_shot
