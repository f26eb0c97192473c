-- Own means beside published ones, the highest first; difference is the best own branch - the published mean, differs
-- what makes the two hard to compare.

-- The best own branch has all categories where any has, and is no oracle. What one side does not tell has a question
-- mark; an epoch that was not chosen by test AUROC is the same as none to choose. Means are ordered without their last
-- digits, which depend on the order in which a database adds.
WITH latest AS (
    SELECT chosen.series, chosen.setting, numbers.category, numbers.branch, numbers.auroc
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE chosen.twins = 1 AND numbers.auroc IS NOT NULL AND chosen.dataset IN (SELECT dataset FROM published)
    UNION ALL
    SELECT series, setting, category, branch, auroc
    FROM (
        SELECT
            chosen.series, chosen.setting, numbers.category, numbers.branch, numbers.auroc,
            ROW_NUMBER() OVER (
                PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY chosen.number DESC
            ) AS age
        FROM numbers
        JOIN chosen ON chosen.number = numbers.number
        WHERE chosen.twins > 1
            AND numbers.auroc IS NOT NULL
            AND chosen.dataset IN (SELECT dataset FROM published)
    ) AS by_age
    WHERE age = 1
),
deviations AS (
    SELECT series, branch, COUNT(*) AS seeds, STDDEV_SAMP(mean) AS std
    FROM (SELECT series, branch, AVG(auroc) AS mean FROM latest GROUP BY series, setting, branch) AS seed_averages
    GROUP BY series, branch
),
means AS (
    SELECT
        series, branch, COUNT(*) AS categories, AVG(auroc) AS mean,
        branch = 'oracle' OR STARTS_WITH(branch, 'oracle_') AS is_oracle
    FROM (
        SELECT series, branch, category, AVG(auroc) AS auroc FROM latest GROUP BY series, branch, category
    ) AS category_averages
    GROUP BY series, branch
),
protocols AS (
    SELECT
        chosen.series,
        CASE WHEN COUNT(DISTINCT runs.protocol) = 1 THEN MIN(runs.protocol) END AS protocol,
        CASE
            WHEN MIN(runs.selection) <> MAX(runs.selection) OR MIN(runs.selection) = 'unknown' THEN NULL
            ELSE MIN(runs.selection)
        END AS selection,
        CASE WHEN COUNT(DISTINCT COALESCE(runs.model_name, '')) = 1 THEN MIN(runs.model_name) END AS backbone,
        CASE
            WHEN COUNT(DISTINCT COALESCE(runs.render_height, 0)) = 1 THEN CAST(MIN(runs.render_height) AS VARCHAR)
        END AS rendered
    FROM chosen
    JOIN runs ON runs.run_id = chosen.run_id
    GROUP BY chosen.series
),
own AS (
    SELECT
        named.task, named.dataset, named.k_shot,
        CASE WHEN named.variant = 'baseline' THEN named.method ELSE CONCAT(named.method, ' ', named.variant) END
            AS method,
        means.branch, means.is_oracle, deviations.seeds, means.categories, means.mean,
        deviations.std, protocols.protocol, protocols.selection, protocols.backbone, protocols.rendered,
        sizes.of_categories,
        ROW_NUMBER() OVER (
            PARTITION BY named.task, named.dataset, named.k_shot
            ORDER BY
                CASE WHEN means.is_oracle THEN 1 ELSE 0 END,
                CASE WHEN means.categories = sizes.of_categories THEN 0 ELSE 1 END,
                CAST(means.mean AS DECIMAL(18, 12)) DESC, named.method, named.variant, means.branch
        ) AS place
    FROM means
    JOIN deviations ON deviations.series = means.series AND deviations.branch = means.branch
    JOIN protocols ON protocols.series = means.series
    JOIN (
        SELECT DISTINCT series, task, dataset, k_shot, experiment, method, variant FROM chosen
    ) AS named ON named.series = means.series
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
            CASE WHEN is_oracle THEN 'an upper bound' END
        ), '') AS differs,
        'own' AS source
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
        published.source
    FROM published
    JOIN own ON own.task = published.task
        AND own.dataset = published.dataset
        AND own.k_shot = published.k_shot
        AND own.place = 1
)
SELECT task, dataset, k_shot, method, branch, mean, std, seeds, categories, difference, differs, source
FROM beside
ORDER BY task, dataset, k_shot, CAST(mean AS DECIMAL(18, 12)) DESC, source, method, branch
