-- Own means beside published ones, the highest first; difference is the best own branch - the published mean, differs
-- what makes the two hard to compare.

-- The best own branch has all categories where any has, and knows nothing of test labels. What one side does not tell has a question
-- mark; an epoch that was not chosen by test AUROC is the same as none to choose. Means are ordered without their last
-- digits, which depend on the order in which a database adds.
WITH protocols AS (
    SELECT
        run_keys.setting_across_seeds AS series,
        CASE WHEN COUNT(DISTINCT runs.protocol) = 1 THEN MIN(runs.protocol) END AS protocol,
        CASE
            WHEN MIN(runs.selection) <> MAX(runs.selection) OR MIN(runs.selection) = 'unknown' THEN NULL
            ELSE MIN(runs.selection)
        END AS selection,
        CASE WHEN COUNT(DISTINCT COALESCE(runs.model_name, '')) = 1 THEN MIN(runs.model_name) END AS backbone,
        CASE
            WHEN COUNT(DISTINCT COALESCE(runs.render_height, 0)) = 1 THEN CAST(MIN(runs.render_height) AS VARCHAR)
        END AS rendered
    FROM run_keys
    JOIN runs ON runs.run_id = run_keys.run_id
    GROUP BY run_keys.setting_across_seeds
),
own AS (
    SELECT
        named.task, named.dataset, named.k_shot,
        CASE WHEN named.variant = 'baseline' THEN named.method ELSE CONCAT(named.method, ' ', named.variant) END
            AS method,
        means.branch, branch_kinds.kind, branch_kinds.supervision, branch_kinds.upper_bound,
        means.seeds, means.categories, means.mean,
        means.std, protocols.protocol, protocols.selection, protocols.backbone, protocols.rendered,
        sizes.of_categories,
        ROW_NUMBER() OVER (
            PARTITION BY named.task, named.dataset, named.k_shot
            ORDER BY
                CASE WHEN branch_kinds.upper_bound OR branch_kinds.supervision IS NOT NULL THEN 1 ELSE 0 END,
                CASE WHEN means.categories = sizes.of_categories THEN 0 ELSE 1 END,
                CAST(means.mean AS DECIMAL(18, 12)) DESC, named.method, named.variant, means.branch
        ) AS priority
    FROM series_means AS means
    JOIN protocols ON protocols.series = means.series
    JOIN series_names AS named ON named.series = means.series
    LEFT JOIN branch_kinds ON branch_kinds.branch = means.branch
    JOIN (
        SELECT DISTINCT dataset, task, k_shot, of_categories FROM published
    ) AS sizes ON sizes.dataset = named.dataset AND sizes.task = named.task AND sizes.k_shot = named.k_shot
),
beside AS (
    SELECT
        task, dataset, k_shot, method, branch, mean, std, seeds, categories, CAST(NULL AS DOUBLE PRECISION) AS difference,
        NULLIF(CONCAT_WS(
            ', ',
            CASE WHEN categories <> of_categories THEN CONCAT(categories, ' of ', of_categories, ' categories') END,
            CASE WHEN upper_bound THEN 'an upper bound' WHEN supervision IS NOT NULL THEN CONCAT('knows ', supervision) END
        ), '') AS differs,
        'own' AS source,
        kind, supervision, upper_bound
    FROM own
    UNION ALL
    SELECT
        published.task, published.dataset, published.k_shot, published.method, NULL, published.mean, published.std,
        published.seeds, published.of_categories, own.mean - published.mean,
        NULLIF(CONCAT_WS(
            ', ',
            CASE
                WHEN own.categories <> published.of_categories
                    THEN CONCAT('own ', own.categories, ' of ', own.of_categories, ' categories')
            END,
            CASE
                WHEN published.protocol = own.protocol THEN NULL
                WHEN published.protocol IS NULL OR own.protocol IS NULL THEN 'protocol ?'
                ELSE REPLACE(published.protocol, '_', '-')
            END,
            CASE
                WHEN published.backbone = own.backbone THEN NULL
                WHEN published.backbone IS NULL OR own.backbone IS NULL
                    THEN CONCAT('backbone ', published.backbone, '?')
                WHEN published.resolution IS NULL THEN CONCAT('backbone ', published.backbone)
                ELSE CONCAT('backbone ', published.backbone, ' at ', published.resolution, ' px')
            END,
            CASE
                WHEN published.task = 'cls' OR published.rendered = own.rendered THEN NULL
                WHEN published.rendered IS NULL OR own.rendered IS NULL THEN CONCAT('rendered ', published.rendered, '?')
                ELSE CONCAT('rendered ', published.rendered)
            END,
            CASE
                WHEN published.selection IS NULL OR own.selection IS NULL THEN 'epoch selection ?'
                WHEN (published.selection = 'best_on_test') <> (own.selection = 'best_on_test')
                    THEN CASE published.selection WHEN 'best_on_test' THEN 'epoch best_on_test' ELSE 'epoch not by test' END
            END,
            CASE WHEN published.seeds <> own.seeds THEN CONCAT(published.seeds, ' seeds') END,
            CASE WHEN published.auxiliary THEN 'trained on other anomalies' END,
            CASE WHEN NOT published.confirmed THEN 'figure not confirmed' END
        ), ''),
        published.source, NULL, NULL, NULL
    FROM published
    JOIN own ON own.task = published.task
        AND own.dataset = published.dataset
        AND own.k_shot = published.k_shot
        AND own.priority = 1
)
SELECT task, dataset, k_shot, method, branch, mean, std, seeds, categories, difference, differs, source, kind, supervision,
    upper_bound
FROM beside
ORDER BY task, dataset, k_shot, CAST(mean AS DECIMAL(18, 12)) DESC, source, method, branch
