-- The paper's statements, claim by claim: what is measured for each, and the verdict.
-- docs/claims.md says the same in words. Everything here is a view, so it is always current.

--- What the networks of the studies measure at each profile.
--- profile: Profile.
--- place: Its place by how much is computed, the least first.
--- sizes: Hidden sizes of the size sweep, smallest first.
--- layers: Layers of the deep network.
--- deep: Units of each of them.
--- hidden: Units of the networks of retraining and of the one against the n-gram.
--- factorized: Units of the factorized network.
CREATE OR REPLACE VIEW profile_shapes AS
SELECT * FROM (VALUES {profiles}) AS shapes(profile, place, sizes, layers, deep, hidden, factorized);

-- Signatures whose decoders were trained for further rounds than their profile makes are compared
-- with each other only, so those rounds are a profile of their own.
--- The profiles, and those rounds beyond them of which there are signatures.
--- profile: Profile, with the rounds beyond it, as in `signatures`.
--- base: Profile without them.
--- more: How many they are.
--- place: Place of the profile by how much is computed, the least first.
--- sizes: Hidden sizes of the size sweep, smallest first.
--- layers: Layers of the deep network.
--- deep: Units of each of them.
--- hidden: Units of the networks of retraining and of the one against the n-gram.
--- factorized: Units of the factorized network.
CREATE OR REPLACE VIEW claim_profiles AS
SELECT profile, profile AS base, 0 AS more, * EXCLUDE profile FROM profile_shapes
UNION ALL
SELECT DISTINCT s.profile, p.profile, split_part(s.profile, ' ', 2)::INTEGER, p.* EXCLUDE profile
FROM signatures s JOIN profile_shapes p ON s.profile LIKE p.profile || ', % more';

--- What the paper says, statement by statement.
--- claim: Number of the claim, C1 to C15.
--- statement: The claim in one sentence.
--- paper: The paper's number, or its word where it gives none.
--- study: Study that it rests on.
--- corpora: Corpora that decide it, the paper's own first, then what stands in for them.
CREATE OR REPLACE VIEW claim_statements AS
SELECT * FROM (VALUES
    ('C1', 'Recall falls with lag.', 'a continuous decline', 'signature', ['shakespeare']),
    ('C2', 'Memory and forward accuracy per symbol correlate poorly: q is better remembered than predicted, y the reverse, and k, e and the period are like one of them.', 'correlates poorly', 'signature', ['shakespeare']),
    ('C3', 'Test perplexity falls by about 15 % from the smallest network to one of eight times its units.', '15 % from [1,80] to [1,640]', 'size', ['wsj', 'sotu']),
    ('C4', 'Recall rises with size at every lag.', 'significantly increased', 'size', ['wsj', 'sotu']),
    ('C5', 'The recall of a GRU is slightly below that of an LSTM of its size.', 'slightly worse', 'size', ['wsj', 'sotu']),
    ('C6', 'Recall falls from layer to layer of a deep network.', 'decreases through [4,320]', 'depth', ['wsj', 'sotu']),
    ('C7', 'Decoders twice as deep gain under 5 % at the two layers furthest from the input.', 'small, < 5 %', 'depth', ['wsj', 'sotu']),
    ('C8', 'Retraining with 5 % of the target brings perplexity four times nearer to the target''s own model than to the source''s.', '6.791 / 4.110 / 3.443, that is 80 % of the gap', 'adaptation', ['shakespeare → wsj', 'shakespeare → sotu']),
    ('C9', 'The signature of the retrained network is nearer to the target''s than to the source''s, by weaker memory of k, l, m, b, c and u.', 'more strongly resembles', 'adaptation', ['shakespeare → wsj', 'shakespeare → sotu']),
    ('C10', 'The recall of 5-gram and GRU differs strongly from character to character, which goes with the gain of combining them.', 'strong differences', 'ngram', ['wsj', 'sotu']),
    ('C11', 'The base kernel W₀ dominates the memory of a factorized network.', 'dominates', 'factorized', ['shakespeare + wsj', 'shakespeare + sotu']),
    ('C12', 'The rank-one bases differ in what they remember, and each remembers the symbols of its own bigram.', 'quite different', 'factorized', ['shakespeare + wsj', 'shakespeare + sotu']),
    ('C13', 'Bases that hold only symbols outside the target can be pruned at little cost.', 'capability to prune', 'factorized', ['shakespeare + wsj', 'shakespeare + sotu']),
    ('C14', 'The last encoder layer of a speech recognizer recalls more than the first, and even the first recalls graphemes above its floors.', 'much stronger recall', 'las', ['wsj-speech', 'synthetic-speech']),
    ('C15', 'The speller of a speech recognizer recalls more than its encoder.', 'much stronger', 'las', ['wsj-speech', 'synthetic-speech'])
) AS statements(claim, statement, paper, study, corpora);

-- The rules. A part holds when the whole interval of its number is on the side of the threshold
-- that is named, and fails when the whole interval is on the other. A part without a threshold is
-- shown and not judged. A part that needs an unfinished network, or a recall that still rises by more
-- than half a point, is undecided whatever its number.
--- What is measured for each claim, and the threshold that decides.
--- claim: Number of the claim.
--- part: Number of the part; the first is the claim's own number.
--- statistic: What is measured.
--- side: Side of the threshold on which it holds: above or below.
--- threshold: The threshold; NULL for a part that is shown and not judged.
CREATE OR REPLACE VIEW claim_parts AS
SELECT * FROM (VALUES
    ('C1', 1, 'largest change of recall from one lag to the next, from lags at which it is above a guess', 'below', 0.0),
    ('C2', 1, 'rank correlation of memory and forward accuracy over symbols, its absolute value', 'below', 0.5),
    ('C2', 2, 'q: rank in memory less rank in prediction, as a share of the alphabet', 'above', 0.1),
    ('C2', 3, 'y: the same', 'below', -0.1),
    ('C2', 4, 'k: the same, its absolute value', 'above', 0.1),
    ('C2', 5, 'e: the same, its absolute value', 'above', 0.1),
    ('C2', 6, 'period: the same, its absolute value', 'above', 0.1),
    ('C3', 1, 'GRU: fall of test perplexity from the smallest to the largest size, as a share', 'above', 0.075),
    ('C3', 2, 'LSTM: the same', 'above', 0.075),
    ('C3', 3, 'GRU: the same', 'below', 0.225),
    ('C3', 4, 'LSTM: the same', 'below', 0.225),
    ('C4', 1, 'GRU: recall of the largest size less that of the smallest, at the lag where it is least', 'above', 0.0),
    ('C4', 2, 'LSTM: the same', 'above', 0.0),
    ('C4', 3, 'GRU: rise of mean recall over lags from one size to the next, where it is least', 'above', 0.0),
    ('C4', 4, 'LSTM: the same', 'above', 0.0),
    ('C5', 1, 'recall of the LSTM less that of the GRU, mean over sizes and lags', 'above', 0.0),
    ('C5', 2, 'the same', 'below', 0.05),
    ('C6', 1, 'GRU: fall of mean recall over lags from one layer to the next, where it is least', 'above', 0.0),
    ('C6', 2, 'LSTM: the same', 'above', 0.0),
    ('C7', 1, 'GRU: gain of recall by decoders twice as deep, at the lag and layer where it is largest', 'below', 0.05),
    ('C7', 2, 'LSTM: the same', 'below', 0.05),
    ('C8', 1, 'share of the perplexity gap between source and target that retraining closes', 'above', 0.6667),
    ('C8', 2, 'perplexity of the source network on the target', NULL, NULL),
    ('C8', 3, 'perplexity of the retrained network', NULL, NULL),
    ('C8', 4, 'perplexity of the target network', NULL, NULL),
    ('C9', 1, 'distance to the source''s signature less distance to the target''s, networks of different seeds', 'above', 0.0),
    ('C9', 2, 'distance of source and target less that of two seeds of one network', 'above', 0.0),
    ('C9', 3, 'change of recall of k, l, m, b, c and u from source to retrained, mean over them and lags', 'below', 0.0),
    ('C9', 4, 'the same from source to target', NULL, NULL),
    ('C10', 1, 'standard deviation over symbols of the recall of the GRU less that of the 5-gram, mean over lags', 'above', 0.05),
    ('C10', 2, 'fall of perplexity by interpolating the two, against the better one, as a share', 'above', 0.01),
    ('C10', 3, 'marginal recall of the GRU less that of the 5-gram, mean over the lags inside the context', NULL, NULL),
    ('C10', 4, 'the same outside the context', NULL, NULL),
    ('C11', 1, 'recall of W₀ alone above the majority, as a share of the full kernel''s, mean over lags', 'above', 0.5),
    ('C11', 2, 'recall of W₀ alone less that of the best of the bases that the paper names, mean over lags', 'above', 0.0),
    ('C11', 3, 'the same against the best of all bases, by linear decoders', 'above', 0.0),
    ('C11', 4, 'recall of an untrained kernel above the majority, as a share of the full kernel''s', NULL, NULL),
    ('C12', 1, 'mean distance between the signatures of two bases, against that of two random kernels of their norms, as a ratio', 'above', 1.5),
    ('C12', 2, 'share of the other bases that recall the symbols of a basis''s bigram worse than it does, mean over bases', 'above', 0.6667),
    ('C13', 1, 'rise of perplexity on the target by pruning half of the bases by recall, as a share of the mean rise by pruning as many at random', 'below', 0.5),
    ('C13', 2, 'rise of perplexity on the target by pruning half of the bases by recall, as a share', NULL, NULL),
    ('C14', 1, 'recall of the last encoder layer less that of the first, mean over lags', 'above', 0.0),
    ('C14', 2, 'recall of the first encoder layer less its highest floor, mean over lags', 'above', 0.0),
    ('C15', 1, 'recall of the attention query less that of the last encoder layer, mean over lags from 2', 'above', 0.0),
    ('C15', 2, 'the same less that of the untrained speller''s query', 'above', 0.0)
) AS parts(claim, part, statistic, side, threshold);

-- Why two networks with one number, as ranks may have, decide nothing.
CREATE OR REPLACE MACRO two_alike(spread, seeds) AS
    CASE WHEN spread = 0 AND seeds = 2 THEN 'a third network, as two have the same number' END;

-- Why a number decides nothing. Of several reasons the last one of the alphabet is shown, and the
-- networks that are left out are those with the first reason. rising: what the last doubling of the decoders' training added; NULL
-- where it is not known. steady: whether recall on dev, over all lags of the signature (of an atlas, on
-- the test text, over all lags and bases), rose then by more than seven eighths of what the doubling
-- before had added.
CREATE OR REPLACE MACRO claim_doubt(unfinished, rising, steady) AS CASE
    WHEN unfinished THEN 'an unfinished network'
    WHEN rising IS NULL THEN 'a recall whose rise is not recorded'
    WHEN steady THEN 'a recall whose rise does not slow down'
END;

-- A number with its replicates: the one before the last doubling of the decoders' training (replicate
-- -1), the measurement (0), those of the bootstrap (1, 2, ...).
CREATE OR REPLACE MACRO replicated(before, measured, draws) AS
    list_prepend(before::FLOAT, list_prepend(measured::FLOAT, draws));
CREATE OR REPLACE MACRO replicates_of(numbers) AS generate_subscripts(numbers, 1) - 2;

-- Whether a recall's rise does not slow down. most: what the last doubling of the training added at
-- the lag where it is largest; gain, before: what it and the doubling before added over all lags.
CREATE OR REPLACE MACRO is_steady(most, gain, before) AS most > 0.005 AND gain > 7 / 8 * before;

CREATE OR REPLACE MACRO atlas_doubt(rising, before) AS
    claim_doubt(false, rising, is_steady(rising, rising, before));

-- How far longer training may still move a number. rise: what the last doubling of the decoders'
-- training changed. Seven times as much is all that is to come if each further doubling changes at
-- most seven eighths of what the one before it changed, as the last one did (else `claim_doubt`).
CREATE OR REPLACE MACRO still_to_come(rise) AS 7 * coalesce(rise, 0);

-- Which signatures a claim may rest on: trained networks and n-grams of a profile, read by decoders
-- trained as long as that profile says or for further rounds, the state that the paper reads, by the present version of
-- every stage. Where two are alike in all that is named here, the newer one.
--- The signatures of language models that claims may rest on.
--- key: Key of the signature.
--- model: Key of the model.
--- kind: Kind of model.
--- cell: Recurrent cell.
--- layers: Number of stacked recurrent layers.
--- hidden: Units per layer.
--- ngram_order: Order of an n-gram.
--- test_perplexity: Test perplexity of the model on its own corpus.
--- parent: Key of the model it started from.
--- learned: Key of the corpus the model was trained on.
--- corpus: Key of the corpus it was measured on.
--- corpus_name: Name of the corpus it was measured on.
--- parent_corpus: Name of the corpus of the model it started from.
--- layer: Recurrent layer read.
--- depth: Hidden layers of the decoders.
--- profile: Profile of model and decoders, with the rounds beyond it.
--- seed: Seed of model and decoders.
--- unfinished: Whether the training of the model had not come to its end.
CREATE OR REPLACE VIEW claim_signatures AS
SELECT
    s.key, s.model, m.kind, m.cell, m.layers, m.hidden, m.ngram_order, m.test_perplexity,
    m.parent, m.corpus AS learned, s.corpus, measured.name AS corpus_name,
    from_corpus.name AS parent_corpus, s.layer, s.depth, s.profile, s.seed,
    m.key IN (SELECT key FROM unfinished) AS unfinished
FROM signatures s
JOIN claim_profiles p ON p.profile = s.profile
JOIN models m ON m.key = s.model AND m.profile = p.base
LEFT JOIN recurrent_cells k ON k.cell = m.cell
JOIN corpora measured ON measured.key = s.corpus
LEFT JOIN models source ON source.key = m.parent
LEFT JOIN corpora from_corpus ON from_corpus.key = source.corpus
WHERE s.decoder = 'mlp' AND s.target = 'symbol'
  AND m.trained
  AND s.state = CASE WHEN m.kind = 'ngram' THEN 'context' ELSE k.state END
  AND (m.spec->>'$.fraction')::DOUBLE = CASE WHEN m.parent IS NULL THEN 1 ELSE 0.05 END
  AND s.key NOT IN (SELECT key FROM earlier)
QUALIFY row_number() OVER (
    PARTITION BY m.kind, m.cell, m.layers, m.hidden, m.ngram_order, source.corpus, m.corpus,
        s.corpus, s.layer, s.depth, s.profile, s.seed
    ORDER BY s.created DESC
) = 1;

-- Every number of every claim, by seed. Replicate 0 is the measurement; those above are the same
-- number of each bootstrap replicate, in which all signatures of a seed are resampled alike; -1 is
-- the measurement with the decoders as they were before the last doubling of their training.
--- The number of every part of every claim, by seed and bootstrap replicate.
--- claim: Number of the claim.
--- part: Number of the part.
--- profile: Profile.
--- corpora: Corpus, or source and target.
--- seed: Seed.
--- replicate: Bootstrap replicate; 0 is the measurement itself, -1 the same with decoders trained half as long.
--- value: The number.
--- doubt: Why it can decide nothing: it needs an unfinished network, a recall whose rise is not recorded or does not slow down, or a third network where two have the same number; else NULL.
CREATE OR REPLACE VIEW claim_values AS
WITH every_round AS (  -- those of further rounds are rows of a signature of their own
    FROM decoder_rounds
    UNION ALL
    SELECT s.key, r.* EXCLUDE signature
    FROM signatures s
    JOIN signatures b ON json_merge_patch(b.spec, json_object('longer', 0))
                       = json_merge_patch(s.spec, json_object('longer', 0))
     AND (b.spec->>'$.longer')::INTEGER < (s.spec->>'$.longer')::INTEGER
     AND b.key NOT IN (SELECT key FROM earlier)
    JOIN decoder_rounds r ON r.signature = b.key
    WHERE s.profile LIKE '% more'
), gained AS (  -- by each round of training
    SELECT *, recall - lag(recall) OVER rounds AS gain
    FROM every_round WINDOW rounds AS (PARTITION BY signature, lag, keep, width ORDER BY steps)
), slowing AS (
    SELECT *, lag(gain) OVER rounds AS before
    FROM gained WINDOW rounds AS (PARTITION BY signature, lag, keep, width ORDER BY steps)
), latest AS (
    SELECT signature, gain, before FROM slowing
    QUALIFY row_number() OVER (
        PARTITION BY signature, lag ORDER BY steps DESC, recall DESC, bits
    ) = 1
), steady AS (
    SELECT signature FROM latest GROUP BY signature
    HAVING is_steady(max(gain), sum(gain), coalesce(sum(before), 0))
), lags AS (
    SELECT s.key, r.lag, coalesce(r.low > greatest(r.majority, r."current"), false) AS above_guess,
           claim_doubt(s.unfinished, r.rising, s.key IN (FROM steady)) AS doubt
    FROM claim_signatures s
    JOIN recall r ON r.signature = s.key AND r.symbol IS NULL AND r.lag >= 1
), marginal AS (
    SELECT s.*, r.lag, l.above_guess, l.doubt,
           unnest(replicated(r.accuracy - r.rising, r.accuracy, d.accuracies)) AS accuracy,
           replicates_of(replicated(r.accuracy, r.accuracy, d.accuracies)) AS replicate
    FROM claim_signatures s
    JOIN recall r ON r.signature = s.key AND r.symbol IS NULL AND r.lag >= 1
    JOIN lags l ON l.key = s.key AND l.lag = r.lag
    LEFT JOIN draws d ON d.signature = s.key AND d.symbol IS NULL AND d.lag = r.lag
), cells AS (  -- by symbol, of the studies that go by symbol; the replicates are still a list
    SELECT s.*, r.lag, r.symbol, r.n, l.above_guess, l.doubt,
           replicated(r.accuracy - r.rising, r.accuracy, d.accuracies) AS accuracies
    FROM claim_signatures s
    JOIN claim_profiles p ON p.profile = s.profile
    JOIN recall r ON r.signature = s.key AND r.symbol IS NOT NULL AND r.lag >= 1 AND r.n > 0
    JOIN lags l ON l.key = s.key AND l.lag = r.lag
    LEFT JOIN draws d ON d.signature = s.key AND d.symbol = r.symbol AND d.lag = r.lag
    WHERE s.kind = 'ngram' OR s.layers = 1 AND (
        s.cell = 'gru' AND s.hidden IN (80, p.hidden) OR s.cell = 'lstm' AND s.hidden = p.hidden
    )
), scored AS (  -- perplexities of single models
    SELECT p.corpus, p.profile, m.key AS model, m.kind, m.cell, m.layers, m.hidden, m.ngram_order,
           m.parent, m.corpus AS learned, m.seed,
           claim_doubt(p.key IN (SELECT key FROM unfinished), 0, false) AS doubt,
           (m.spec->>'$.fraction')::DOUBLE AS fraction,
           replicated(p.test_perplexity, p.test_perplexity, p.draws) AS perplexity
    FROM perplexities p JOIN models m ON m.key = p.members[1]
    LEFT JOIN models source ON source.key = m.parent
    WHERE len(p.members) = 1 AND p.key NOT IN (SELECT key FROM earlier)
    QUALIFY row_number() OVER (
        PARTITION BY p.corpus, p.profile, m.kind, m.cell, m.layers, m.hidden, m.ngram_order,
            source.corpus, m.corpus, m.seed, m.spec->>'$.fraction'
        ORDER BY p.created DESC
    ) = 1
),

-- Fig. 1: a GRU of one layer and 80 units.
steps AS (
    SELECT key, profile, corpus_name AS corpora, seed, replicate,
           accuracy - lag(accuracy) OVER by_lag AS step, lag(above_guess) OVER by_lag AS from_above,
           greatest(doubt, lag(doubt) OVER by_lag) AS doubt
    FROM marginal
    WHERE kind = 'char_lm' AND cell = 'gru' AND layers = 1 AND hidden = 80 AND learned = corpus
      AND parent IS NULL
    WINDOW by_lag AS (PARTITION BY key, replicate ORDER BY lag)
), both_ways AS (
    SELECT model, corpus, profile, corpora, seed, symbol, replicate,
           avg(accuracy) AS memory, any_value(forward) AS forward, max(doubt) AS doubt
    FROM (
        SELECT c.model, c.corpus, c.profile, c.corpus_name AS corpora, c.seed, c.symbol, c.n,
               c.doubt,
               unnest(c.accuracies) AS accuracy,
               unnest(replicated(p.accuracy, p.accuracy, p.draws)) AS forward,
               replicates_of(c.accuracies) AS replicate
        FROM cells c
        JOIN predictions p ON p.model = c.model AND p.corpus = c.corpus AND p.symbol = c.symbol
        WHERE c.kind = 'char_lm' AND c.cell = 'gru' AND c.hidden = 80 AND c.learned = c.corpus
          AND c.parent IS NULL AND c.above_guess AND p.n >= 50
    )
    WHERE accuracy IS NOT NULL AND forward IS NOT NULL
    GROUP BY model, corpus, profile, corpora, seed, symbol, replicate
    HAVING min(n) >= 50
), ranked AS (  -- as Spearman's correlation needs them: equal values share the mean of their ranks
    SELECT profile, corpora, seed, replicate, symbol, doubt, count(*) OVER everything AS symbols,
           rank() OVER (everything ORDER BY memory) + (count(*) OVER alike_m - 1) / 2 AS in_memory,
           rank() OVER (everything ORDER BY forward) + (count(*) OVER alike_f - 1) / 2 AS ahead
    FROM both_ways
    WINDOW everything AS (PARTITION BY model, corpus, seed, replicate),
           alike_m AS (PARTITION BY model, corpus, seed, replicate, memory),
           alike_f AS (PARTITION BY model, corpus, seed, replicate, forward)
), shifted AS (
    SELECT profile, corpora, seed, replicate, symbol, doubt, (in_memory - ahead) / symbols AS shift
    FROM ranked
),

-- Fig. 2: one-layer networks of every size of the profile, of the paper's two cells.
sized AS (
    SELECT m.cell, m.profile, m.corpus_name AS corpora, m.seed, m.replicate, m.lag, m.accuracy,
           m.doubt, list_position(p.sizes, m.hidden) AS place, len(p.sizes) AS sizes
    FROM marginal m JOIN claim_profiles p ON p.profile = m.profile
    WHERE m.kind = 'char_lm' AND m.cell IN ('gru', 'lstm') AND m.layers = 1
      AND m.learned = m.corpus AND m.parent IS NULL AND list_contains(p.sizes, m.hidden)
), ends AS (
    SELECT cell, profile, corpora, seed, replicate, lag,
           max(accuracy) FILTER (place = sizes) - max(accuracy) FILTER (place = 1) AS rise,
           max(doubt) FILTER (place IN (1, sizes)) AS doubt
    FROM sized GROUP BY ALL
), predicted AS (
    SELECT s.cell, s.profile, c.name AS corpora, s.seed, s.doubt, s.hidden,
           list_position(p.sizes, s.hidden) AS place, len(p.sizes) AS sizes,
           replicates_of(s.perplexity) AS replicate, unnest(s.perplexity) AS perplexity
    FROM scored s
    JOIN profile_shapes p ON p.profile = s.profile AND list_contains(p.sizes, s.hidden)
    JOIN corpora c ON c.key = s.corpus
    WHERE s.kind = 'char_lm' AND s.cell IN ('gru', 'lstm') AND s.layers = 1
      AND s.learned = s.corpus AND s.parent IS NULL AND s.fraction = 1
), means AS (
    SELECT cell, profile, corpora, seed, replicate, place, sizes, avg(accuracy) AS mean,
           max(doubt) AS doubt
    FROM sized GROUP BY ALL
), rises AS (
    SELECT cell, profile, corpora, seed, replicate, sizes, doubt,
           mean - lag(mean) OVER (PARTITION BY cell, profile, corpora, seed, replicate
                                  ORDER BY place) AS rise
    FROM means
),

-- Fig. 3: the deep network, layer by layer, of the same two cells.
deep AS (
    SELECT m.cell, m.profile, m.corpus_name AS corpora, m.seed, m.replicate, m.lag, m.layer,
           m.layers, m.depth, m.accuracy, m.doubt
    FROM marginal m JOIN claim_profiles p ON p.profile = m.profile
    WHERE m.kind = 'char_lm' AND m.cell IN ('gru', 'lstm')
      AND m.layers = p.layers AND m.hidden = p.deep AND m.layers > 1
      AND m.learned = m.corpus AND m.parent IS NULL
), falls AS (
    SELECT cell, profile, corpora, seed, replicate, layers,
           lag(avg(accuracy)) OVER (PARTITION BY cell, profile, corpora, seed, replicate
                                    ORDER BY layer) - avg(accuracy) AS fall,
           max(doubt) AS doubt
    FROM deep WHERE depth = 1 GROUP BY cell, profile, corpora, seed, replicate, layer, layers
), gains AS (
    SELECT cell, profile, corpora, seed, replicate, lag, layer,
           max(accuracy) FILTER (depth = 2) - max(accuracy) FILTER (depth = 1) AS gain,
           max(doubt) AS doubt
    FROM deep WHERE layer > layers - 2 GROUP BY ALL
),

-- Fig. 4: source, retrained and target, an LSTM of one layer, measured on the target.
adapted AS (
    SELECT r.profile, away.name || ' → ' || home.name AS corpora, r.seed,
           greatest(s.doubt, r.doubt, t.doubt) AS doubt,
           replicates_of(r.perplexity) AS replicate,
           unnest(s.perplexity) AS source, unnest(r.perplexity) AS retrained,
           unnest(t.perplexity) AS target
    FROM scored r
    JOIN profile_shapes p ON p.profile = r.profile AND p.hidden = r.hidden
    JOIN scored s ON s.model = r.parent AND s.corpus = r.corpus
    JOIN scored t ON t.corpus = r.corpus AND t.learned = r.corpus
     AND t.parent IS NULL AND t.fraction = 1
     AND (t.kind, t.cell, t.layers, t.hidden, t.profile, t.seed)
       = (r.kind, r.cell, r.layers, r.hidden, r.profile, r.seed)
    JOIN corpora away ON away.key = s.learned
    JOIN corpora home ON home.key = r.corpus
    WHERE r.kind = 'char_lm' AND r.cell = 'lstm' AND r.layers = 1 AND r.fraction = 0.05
      AND r.learned = r.corpus
), three AS (
    SELECT r.profile, r.parent_corpus || ' → ' || r.corpus_name AS corpora, r.seed, r.lag, r.symbol,
           r.n, greatest(s.doubt, r.doubt, t.doubt) AS doubt,
           replicates_of(r.accuracies) AS replicate,
           unnest(s.accuracies) AS source, unnest(r.accuracies) AS retrained,
           unnest(t.accuracies) AS target
    FROM cells r
    JOIN cells s ON s.model = r.parent
     AND (s.corpus, s.seed, s.lag, s.symbol) = (r.corpus, r.seed, r.lag, r.symbol)
    JOIN cells t ON t.learned = r.corpus AND t.parent IS NULL AND t.kind = r.kind
     AND (t.cell, t.hidden, t.profile, t.corpus, t.seed, t.lag, t.symbol)
       = (r.cell, r.hidden, r.profile, r.corpus, r.seed, r.lag, r.symbol)
    WHERE r.kind = 'char_lm' AND r.cell = 'lstm' AND r.learned = r.corpus
), crossed AS (  -- networks of two seeds, which share neither initial weights nor test text
    SELECT profile, corpora, a.seed, replicate, a.n + b.n AS n, greatest(a.doubt, b.doubt) AS doubt,
           (abs(a.retrained - b.source) + abs(b.retrained - a.source)) / 2 AS to_source,
           (abs(a.retrained - b.target) + abs(b.retrained - a.target)) / 2 AS to_target,
           (abs(a.source - b.target) + abs(b.source - a.target)) / 2 AS apart,
           (abs(a.source - b.source) + abs(a.target - b.target)) / 2 AS by_seed
    FROM three a
    JOIN three b USING (profile, corpora, lag, symbol, replicate)
    WHERE a.seed <> b.seed AND to_source + to_target + apart + by_seed IS NOT NULL
), resembling AS (
    SELECT unnest([1, 2]) AS part, profile, corpora, seed, replicate,
           unnest([sum(n * (to_source - to_target)), sum(n * (apart - by_seed))]) / sum(n) AS value,
           max(doubt) AS doubt
    FROM crossed GROUP BY profile, corpora, seed, replicate
), jackknifed AS (  -- a pair belongs to two networks, so the values of the networks are too alike
    SELECT part, profile, corpora, seed, replicate, doubt, value, count(*) FILTER (replicate = 0)
               OVER (PARTITION BY part, profile, corpora) AS n,
           max(value) FILTER (replicate = 0) OVER (PARTITION BY part, profile, corpora, seed)
               - avg(value) FILTER (replicate = 0) OVER (PARTITION BY part, profile, corpora)
               AS deviation
    FROM resembling
),

-- Fig. 5: a GRU of one layer and a 5-gram.
against AS (
    SELECT g.profile, g.corpus_name AS corpora, g.seed, g.lag, g.n, x.ngram_order,
           greatest(g.doubt, x.doubt) AS doubt,
           replicates_of(g.accuracies) AS replicate,
           unnest(g.accuracies) - unnest(x.accuracies) AS difference
    FROM cells g
    JOIN claim_profiles p ON p.profile = g.profile AND p.hidden = g.hidden
    JOIN cells x ON x.kind = 'ngram' AND x.ngram_order = 5 AND x.learned = g.corpus
     AND (x.profile, x.corpus, x.seed, x.lag, x.symbol)
       = (g.profile, g.corpus, g.seed, g.lag, g.symbol)
    WHERE g.cell = 'gru' AND g.learned = g.corpus AND g.parent IS NULL
), spread AS (
    SELECT profile, corpora, seed, replicate, lag, stddev_pop(difference) AS deviation,
           max(doubt) AS doubt
    FROM against WHERE n >= 50 GROUP BY ALL
), combined AS (
    SELECT p.profile, c.name AS corpora, g.seed, g.doubt,
           replicates_of(g.perplexity) AS replicate,
           unnest(replicated(x.test_perplexity, x.test_perplexity, x.draws)) AS combined,
           unnest(g.perplexity) AS network, unnest(n.perplexity) AS ngram
    FROM perplexities x
    JOIN scored g ON g.corpus = x.corpus AND list_contains(x.members, g.model)
    JOIN claim_profiles p ON p.base = x.profile AND p.hidden = g.hidden
    JOIN scored n ON n.corpus = x.corpus AND list_contains(x.members, n.model)
    JOIN corpora c ON c.key = x.corpus
    WHERE len(x.members) = 2 AND x.key NOT IN (SELECT key FROM earlier)
      AND g.kind = 'char_lm' AND g.cell = 'gru' AND g.layers = 1 AND g.learned = x.corpus
      AND g.parent IS NULL AND n.kind = 'ngram' AND n.ngram_order = 5 AND n.learned = x.corpus
      AND n.fraction = 1
),

-- Fig. 6: parts of the kernel of a factorized LSTM on a mix of two corpora, and its pruning.
factorized AS (
    SELECT f.key, p.profile, p.more, c1.name || ' + ' || c2.name AS corpora, f.seed, f.hidden,
           c1.key AS first_corpus, c2.key AS second_corpus,
           claim_doubt(f.key IN (SELECT key FROM unfinished), 0, false) AS doubt
    FROM models f
    JOIN claim_profiles p ON p.base = f.profile AND p.factorized = f.hidden
    JOIN corpora c1 ON c1.key = f.spec->>'$.corpora[0].content'
    JOIN corpora c2 ON c2.key = f.spec->>'$.corpora[1].content'
    WHERE f.kind = 'factorized' AND f.cell = 'lstm' AND (f.spec->>'$.bases')::BOOLEAN
      AND f.spec->>'$.lambda_from' = 'previous' AND f.spec->>'$.scale' = 'unit'
      AND f.key NOT IN (SELECT key FROM earlier)
    QUALIFY row_number() OVER (
        PARTITION BY p.profile, c1.key, c2.key, f.seed ORDER BY f.created DESC
    ) = 1
), decoded AS (
    SELECT s.model, s.corpus, s.profile, s.seed, r.majority,
           claim_doubt(false, r.rising, s.key IN (FROM steady)) AS doubt,
           unnest(replicated(r.accuracy - r.rising, r.accuracy, d.accuracies)) AS accuracy,
           replicates_of(replicated(r.accuracy, r.accuracy, d.accuracies)) AS replicate
    FROM signatures s
    JOIN recall r ON r.signature = s.key AND r.symbol IS NULL AND r.lag >= 1
    LEFT JOIN draws d ON d.signature = s.key AND d.symbol IS NULL AND d.lag = r.lag
    WHERE s.decoder = 'mlp' AND s.target = 'symbol'
      AND s.state IN ('c', 'h') AND s.key NOT IN (SELECT key FROM earlier)
      AND s.model IN (SELECT key FROM models WHERE kind = 'kernel' OR NOT trained)
), kernels AS (
    SELECT f.profile, f.corpora, f.seed, k.key, k.spec->>'$.part' AS part, replicate,
           avg(accuracy) AS recall, avg(majority) AS majority,
           max(greatest(f.doubt, d.doubt)) AS doubt
    FROM decoded d
    JOIN models k ON k.key = d.model AND k.kind = 'kernel'
    JOIN factorized f ON (f.key, f.profile, f.first_corpus) = (k.parent, d.profile, d.corpus)
    GROUP BY ALL
), random_kernels AS (  -- the untrained network of W₀'s shape
    SELECT f.profile, f.corpora, f.seed, replicate, avg(accuracy) AS recall
    FROM decoded d
    JOIN factorized f ON (f.profile, f.seed, f.first_corpus) = (d.profile, d.seed, d.corpus)
    JOIN models m ON m.key = d.model AND NOT m.trained AND m.corpus = d.corpus
     AND (m.kind, m.cell, m.layers, m.hidden) = ('char_lm', 'lstm', 1, f.hidden)
    GROUP BY ALL
), held AS (
    SELECT profile, corpora, seed, replicate, any_value(majority) AS majority,
           max(recall) FILTER (part = 'base') AS base, max(recall) FILTER (part = 'full') AS whole,
           max(recall) FILTER (part = 'basis') AS best, max(doubt) AS doubt
    FROM kernels GROUP BY profile, corpora, seed, replicate
), pruned AS (
    SELECT f.profile, f.corpora, f.seed, f.doubt, p.rule, p.seed AS random_order,
           arg_max(x.perplexity, x.kept) FILTER (x.kept <= 1156 / 2)
               / arg_max(x.perplexity, x.kept) - 1 AS rise
    FROM prunings p
    JOIN factorized f ON f.key = p.model AND f.second_corpus = p.target
    JOIN pruning_curve x ON x.pruning = p.key AND x.corpus = p.target
    WHERE f.more = 0 AND p.key NOT IN (SELECT key FROM earlier)
    GROUP BY f.profile, f.corpora, f.seed, f.doubt, p.rule, p.seed
),

-- Fig. 7: a recognizer whose attention goes forward, read where attention is: c of the encoder, and
-- of the speller its output h, which is what attention reads.
layers_read AS (
    SELECT s.profile, c.name AS corpora, s.seed, r.lag,
           CASE s.part WHEN 'encoder 1' THEN 'first' WHEN 'query' THEN 'query' ELSE 'last' END
               AS part,
           greatest(r.majority, r."current") AS guess,
           replicated(u.accuracy - u.rising, u.accuracy, e.accuracies) AS of_untrained,
           claim_doubt(
               m.key IN (SELECT key FROM unfinished), r.rising, s.key IN (FROM steady)
           ) AS doubt,
           claim_doubt(false, u.rising, u.signature IN (FROM steady)) AS untrained_doubt,
           unnest(replicated(r.accuracy - r.rising, r.accuracy, d.accuracies)) AS accuracy,
           replicates_of(replicated(r.accuracy, r.accuracy, d.accuracies)) AS replicate
    FROM signatures s
    JOIN models m ON m.key = s.model AND m.kind = 'las' AND m.trained AND m.profile = s.profile
    JOIN corpora c ON c.key = s.corpus
    JOIN recall r ON r.signature = s.key AND r.symbol IS NULL AND r.lag >= 1
    LEFT JOIN recall u ON u.signature = s.untrained AND u.symbol IS NULL AND u.lag = r.lag
    LEFT JOIN draws d ON d.signature = s.key AND d.symbol IS NULL AND d.lag = r.lag
    LEFT JOIN draws e ON e.signature = u.signature AND e.symbol IS NULL AND e.lag = r.lag
    WHERE s.decoder = 'mlp' AND s.alignment = 'attention'
      AND s.state = CASE s.part WHEN 'query' THEN 'h' ELSE 'c' END
      AND (s.half = 'both' OR s.part = 'query')
      AND s.part IN ('encoder 1', 'encoder ' || m.layers, 'query') AND m.monotone >= 0.9
      AND m.spec->>'$.reduction' = '4' AND s.key NOT IN (SELECT key FROM earlier)
    QUALIFY row_number() OVER (
        PARTITION BY s.profile, c.key, s.seed, s.part, r.lag ORDER BY s.created DESC
    ) = 1
), recognized AS (
    SELECT *, coalesce(of_untrained[replicate + 2], of_untrained[2]) AS untrained,
           greatest(guess, untrained) AS floor
    FROM layers_read
)

SELECT 'C1' AS claim, 1 AS part, profile, corpora, seed, replicate, max(step) AS value,
       max(doubt) AS doubt
FROM steps WHERE from_above GROUP BY ALL
UNION ALL
SELECT 'C2', 1, profile, corpora, seed, replicate, abs(corr(in_memory, ahead)), max(doubt)
FROM ranked GROUP BY ALL
UNION ALL
SELECT 'C2', 1 + list_position(['q', 'y', 'k', 'e', '.'], symbol), profile, corpora, seed,
       replicate, CASE WHEN symbol IN ('q', 'y') THEN shift ELSE abs(shift) END, doubt
FROM shifted WHERE symbol IN ('q', 'y', 'k', 'e', '.')
UNION ALL
SELECT 'C3', more + list_position(['gru', 'lstm'], cell), profile, corpora, seed, replicate,
       1 - max(perplexity) FILTER (place = sizes) / max(perplexity) FILTER (place = 1), max(doubt)
FROM predicted, (VALUES (0), (2)) AS both_sides(more)
WHERE place IN (1, sizes) GROUP BY cell, more, profile, corpora, seed, replicate
UNION ALL
SELECT 'C4', list_position(['gru', 'lstm'], cell), profile, corpora, seed, replicate, min(rise),
       max(doubt)
FROM ends WHERE rise IS NOT NULL GROUP BY cell, profile, corpora, seed, replicate
UNION ALL
SELECT 'C4', 2 + list_position(['gru', 'lstm'], cell), profile, corpora, seed, replicate, min(rise),
       max(doubt)
FROM rises GROUP BY cell, profile, corpora, seed, replicate, sizes HAVING count(*) = sizes
UNION ALL
SELECT 'C5', unnest([1, 2]), profile, corpora, seed, replicate,
       avg(mean) FILTER (cell = 'lstm') - avg(mean) FILTER (cell = 'gru'), max(doubt)
FROM means GROUP BY profile, corpora, seed, replicate, sizes HAVING count(*) = 2 * sizes
UNION ALL
SELECT 'C6', list_position(['gru', 'lstm'], cell), profile, corpora, seed, replicate, min(fall),
       max(doubt)
FROM falls GROUP BY cell, profile, corpora, seed, replicate, layers HAVING count(*) = layers
UNION ALL
SELECT 'C7', list_position(['gru', 'lstm'], cell), profile, corpora, seed, replicate, max(gain),
       max(doubt)
FROM gains GROUP BY cell, profile, corpora, seed, replicate
HAVING count(DISTINCT layer) FILTER (gain IS NOT NULL) = 2
UNION ALL
SELECT 'C8', unnest([1, 2, 3, 4]), profile, corpora, seed, replicate,
       unnest([(source - retrained) / (source - target), source, retrained, target]), doubt
FROM adapted
UNION ALL  -- the jackknife: n times the mean of all networks less n - 1 times that without this one
SELECT 'C9', part, profile, corpora, seed, replicate,
       value + deviation * (2 * (n - 1) / nullif(n - 2, 0) - 1), doubt
FROM jackknifed
UNION ALL
SELECT 'C9', unnest([3, 4]), profile, corpora, seed, replicate,
       unnest([avg(retrained - source), avg(target - source)]), max(doubt)
FROM three WHERE symbol IN ('k', 'l', 'm', 'b', 'c', 'u') GROUP BY profile, corpora, seed, replicate
UNION ALL
SELECT 'C10', 1, profile, corpora, seed, replicate, avg(deviation), max(doubt)
FROM spread GROUP BY ALL
UNION ALL
SELECT 'C10', 2, profile, corpora, seed, replicate, 1 - combined / least(network, ngram), doubt
FROM combined
UNION ALL
SELECT 'C10', CASE WHEN lag <= ngram_order - 2 THEN 3 ELSE 4 END AS part, profile, corpora, seed,
       replicate, sum(n * difference) / sum(n), max(doubt)
FROM against WHERE difference IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'C11', unnest([1, 2]), profile, corpora, seed, replicate,
       unnest([(base - majority) / (whole - majority), base - best]), doubt
FROM held
UNION ALL
SELECT 'C11', 3, f.profile, f.corpora, f.seed, unnest([-1, 0]),
       unnest([avg(r.accuracy - r.rising) - max(b.before), avg(r.accuracy) - max(b.best)]),
       greatest(any_value(f.doubt), any_value(atlas_doubt(a.rising, a.rising_before)))
FROM factorized f
JOIN atlases a ON a.model = f.key AND a.first IS NULL AND a.key NOT IN (SELECT key FROM earlier)
JOIN basis_recall r ON r.atlas = a.key AND r.kernel = 'base' AND r.symbol IS NULL AND r.lag >= 1
JOIN (
    SELECT atlas, max(recall) AS best, max(recall - rising) AS before FROM bases GROUP BY atlas
) b ON b.atlas = a.key
GROUP BY f.profile, f.corpora, f.seed
UNION ALL
SELECT 'C11', 4, profile, corpora, seed, replicate,
       (r.recall - h.majority) / (h.whole - h.majority), h.doubt
FROM held h JOIN random_kernels r USING (profile, corpora, seed, replicate)
UNION ALL
SELECT 'C13', unnest([1, 2]), profile, corpora, seed, 0,
       unnest([
           max(rise) FILTER (rule = 'recall') / avg(rise) FILTER (rule = 'random'),
           max(rise) FILTER (rule = 'recall')
       ]), max(doubt)
FROM pruned GROUP BY profile, corpora, seed
UNION ALL
SELECT 'C14', 1, profile, corpora, seed, replicate,
       avg(accuracy) FILTER (part = 'last') - avg(accuracy) FILTER (part = 'first'),
       max(doubt) FILTER (part IN ('first', 'last'))
FROM recognized GROUP BY ALL
UNION ALL
SELECT 'C14', 2, profile, corpora, seed, replicate, avg(accuracy - floor),
       max(greatest(doubt, untrained_doubt))
FROM recognized WHERE part = 'first' AND untrained IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'C15', 1, profile, corpora, seed, replicate,
       avg(accuracy) FILTER (part = 'query') - avg(accuracy) FILTER (part = 'last'),
       max(doubt) FILTER (part IN ('query', 'last'))
FROM recognized WHERE lag >= 2 GROUP BY ALL
UNION ALL
SELECT 'C15', 2, profile, corpora, seed, replicate, avg(accuracy - untrained),
       max(greatest(doubt, untrained_doubt))
FROM recognized WHERE part = 'query' AND untrained IS NOT NULL AND lag >= 2 GROUP BY ALL;

-- The interval of one network is the basic bootstrap interval, the replicates mirrored at the
-- measurement, because a largest, smallest or absolute number is moved by noise, in a replicate once
-- more than in the measurement. Of several, `half_width` adds the variance of the networks. It
-- reaches further where longer training of the decoders may move the number. No interval leaves its
-- number out.
--- Every part of every claim that has been measured, for each profile and corpus.
--- claim: Number of the claim.
--- part: Number of the part.
--- profile: Profile.
--- corpora: Corpus, or source and target.
--- statistic: What is measured.
--- ours: The number, the mean of the networks.
--- rise: What the last doubling of the decoders' training changed in it; NULL where that is not recorded.
--- low: Lower end of its 95 % interval; NULL if one network has no replicates.
--- high: Upper end of its 95 % interval.
--- covers: What the interval covers: test text or symbols, networks, longer training of the decoders.
--- seeds: Networks it is the mean of.
--- left_out: Unfinished networks that are not in it, because others are finished.
--- side: Side of the threshold on which it holds.
--- threshold: The threshold.
--- verdict: holds, fails or undecided; NULL for what is not judged.
--- doubt: Why it can decide nothing: it needs an unfinished network, a recall whose rise is not recorded or does not slow down, or a third network where two have the same number; else NULL.
CREATE OR REPLACE VIEW claim_checks AS
WITH by_basis AS (  -- of an atlas
    SELECT 'C12' AS claim, CASE t.claim WHEN 'bases differ' THEN 1 ELSE 2 END AS part,
           a.profile, one.name || ' + ' || other.name AS corpora, m.seed, 'symbols' AS sampled,
           t.effect + o.shift AS value, t.effect - t.before AS rise,
           t.effect - t.low AS below, t.high - t.effect AS above,
           greatest(
               claim_doubt(m.key IN (SELECT key FROM unfinished), 0, false),
               atlas_doubt(a.rising, a.rising_before)
           ) AS doubt
    FROM basis_claims t
    JOIN (VALUES ('bases differ', 0.0), ('a basis recalls its own symbols', 0.5)) o(claim, shift)
        ON o.claim = t.claim
    JOIN atlases a ON a.key = t.atlas AND a.key NOT IN (SELECT key FROM earlier)
    JOIN models m ON m.key = a.model AND m.cell = 'lstm'
     AND m.spec->>'$.lambda_from' = 'previous' AND m.spec->>'$.scale' = 'unit'
    JOIN profile_shapes p ON p.profile = a.profile AND p.factorized = m.hidden
    JOIN corpora one ON one.key = a.corpus_1
    JOIN corpora other ON other.key = a.corpus_2
    WHERE a.corpus = a.corpus_1
    QUALIFY row_number() OVER (
        PARTITION BY a.profile, one.key, other.key, m.seed, t.claim ORDER BY a.created DESC
    ) = 1
), per_seed AS (
    SELECT claim, part, profile, corpora, seed, 'test text' AS sampled,
           max(value) FILTER (replicate = 0) AS value,
           max(value) FILTER (replicate = 0) - max(value) FILTER (replicate = -1) AS rise,
           quantile_cont(value, 0.975) FILTER (replicate > 0) - max(value) FILTER (replicate = 0)
               AS below,
           max(value) FILTER (replicate = 0) - quantile_cont(value, 0.025) FILTER (replicate > 0)
               AS above,
           max(doubt) AS doubt
    FROM claim_values WHERE isfinite(value) GROUP BY ALL
    UNION ALL BY NAME
    SELECT * FROM by_basis
), marked AS (
    SELECT *, doubt IS NOT DISTINCT FROM 'an unfinished network' AS unfinished,
           sum(unfinished::INT) OVER alike AS of_all, bool_and(unfinished) OVER alike AS only_these
    FROM per_seed WINDOW alike AS (PARTITION BY claim, part, profile, corpora)
), measured AS (  -- an unfinished network is left out where others are finished
    SELECT claim, part, profile, corpora, count(*) AS seeds, avg(value) AS ours,
           any_value(CASE WHEN only_these THEN 0 ELSE of_all END) AS left_out,
           stddev_samp(value) AS spread, avg(rise) AS rise, max(doubt) AS doubt,
           greatest(avg(below), 0 * avg(below)) AS below,
           greatest(avg(above), 0 * avg(above)) AS above,
           nullif(concat_ws(
               ', ', CASE WHEN count(below) > 0 THEN any_value(sampled) END,
               CASE WHEN count(*) > 1 THEN 'networks' END,
               CASE WHEN round(avg(rise), 5) <> 0 AND (count(below) > 0 OR count(*) > 1)
                   THEN 'longer training' END
           ), '') AS covers
    FROM marked WHERE only_these OR NOT unfinished GROUP BY claim, part, profile, corpora
), bounded AS (  -- of what has no replicates the spread of several networks is all that is known
    SELECT * REPLACE (coalesce(doubt, two_alike(spread, seeds)) AS doubt),
           ours - half_width(CASE WHEN seeds > 1 THEN coalesce(below, 0) ELSE below END,
                                spread, seeds) + least(still_to_come(rise), 0) AS low,
           ours + half_width(CASE WHEN seeds > 1 THEN coalesce(above, 0) ELSE above END,
                             spread, seeds) + greatest(still_to_come(rise), 0) AS high
    FROM measured
)
SELECT
    p.claim, p.part, b.profile, b.corpora, p.statistic, b.ours, b.rise, b.low, b.high, b.covers,
    b.seeds, b.left_out::INTEGER AS left_out, p.side, p.threshold,
    CASE
        WHEN p.threshold IS NULL THEN NULL
        WHEN b.doubt IS NOT NULL THEN 'undecided'
        WHEN b.low > p.threshold THEN CASE p.side WHEN 'above' THEN 'holds' ELSE 'fails' END
        WHEN b.high < p.threshold THEN CASE p.side WHEN 'below' THEN 'holds' ELSE 'fails' END
        ELSE 'undecided'
    END AS verdict,
    b.doubt
FROM bounded b JOIN claim_parts p ON p.claim = b.claim AND p.part = b.part;

-- A claim holds when all of its judged parts do, and fails when one of them fails. The paper's own
-- corpora come first, then the stand-in; other corpora have checks, but no part in a verdict.
--- The paper's claims as each profile shows them.
--- claim: Number of the claim.
--- statement: The claim in one sentence.
--- paper: The paper's number, or its word where it gives none.
--- statistic: What is measured: the first part of the claim.
--- ours: Its number here, the mean of the networks; NULL where it is not computed.
--- low: Lower end of its 95 % interval; what that covers, claim_checks says.
--- high: Upper end of that interval.
--- profile: The one profile that the row is of.
--- corpora: Corpus, or source and target.
--- stand_in: What stands in for which of the paper's corpora.
--- seeds: Networks behind it.
--- verdict: holds, fails, undecided or not computed; see docs/claims.md.
--- note: What is missing, why it is undecided whatever its number, and what one network leaves open.
--- study: Study that it rests on.
CREATE OR REPLACE VIEW claims_by_profile AS
WITH checks AS (SELECT * FROM claim_checks), selected AS (
    SELECT c.claim, c.profile, c.corpora
    FROM checks c JOIN claim_statements s ON s.claim = c.claim
    WHERE list_contains(s.corpora, c.corpora)
    QUALIFY row_number() OVER (
        PARTITION BY c.claim, c.profile ORDER BY list_position(s.corpora, c.corpora), c.part
    ) = 1
), judged AS (
    SELECT
        s.claim, f.profile, f.base, f.more, any_value(c.corpora) AS corpora,
        max(k.seeds) AS seeds, sum(k.seeds) AS networks,
        max(k.left_out) AS left_out,
        any_value(k.statistic) FILTER (p.part = 1) AS statistic,
        any_value(k.ours) FILTER (p.part = 1) AS ours, any_value(k.low) FILTER (p.part = 1) AS low,
        any_value(k.high) FILTER (p.part = 1) AS high,
        any_value(k.covers) FILTER (p.part = 1) AS covers,
        count(*) FILTER (k.verdict = 'fails') AS failing,
        count(*) FILTER (p.threshold IS NOT NULL AND coalesce(k.verdict, '') <> 'holds') AS still_open,
        count(*) FILTER (k.part IS NULL) AS missing,
        count(*) FILTER (k.seeds = 1 AND k.low IS NULL AND p.threshold IS NOT NULL) AS bare,
        max(k.doubt) FILTER (p.threshold IS NOT NULL) AS doubt
    FROM claim_statements s
    CROSS JOIN claim_profiles f
    JOIN claim_parts p ON p.claim = s.claim
    LEFT JOIN selected c ON c.claim = s.claim AND c.profile = f.profile
    LEFT JOIN checks k ON k.claim = p.claim AND k.part = p.part AND k.profile = c.profile
     AND k.corpora = c.corpora
    GROUP BY s.claim, f.profile, f.base, f.more
)
SELECT
    s.claim, s.statement, s.paper, coalesce(j.statistic, p.statistic) AS statistic,
    j.ours, j.low, j.high, j.profile,
    j.corpora,
    CASE
        WHEN s.study = 'factorized' THEN NULL  -- the paper does not say on which corpora
        WHEN j.corpora LIKE '%sotu' THEN 'sotu for WSJ'
        WHEN j.corpora = 'synthetic-speech' THEN 'synthetic speech for WSJ'
    END AS stand_in,
    j.seeds,
    CASE WHEN j.corpora IS NULL THEN 'not computed' WHEN j.failing > 0 THEN 'fails'
         WHEN j.still_open > 0 THEN 'undecided' ELSE 'holds' END AS verdict,
    CASE WHEN j.corpora IS NOT NULL THEN nullif(concat_ws(
        ', ', 'needs ' || j.doubt, CASE WHEN j.missing > 0 THEN 'not computed in full' END,
        CASE WHEN j.left_out > 0 THEN j.left_out || ' unfinished left out' END,
        CASE WHEN j.bare > 0 THEN 'one network, so no interval'
             WHEN j.seeds = 1 THEN 'one network: the interval covers ' || j.covers END
    ), '') END AS note,
    s.study
FROM claim_statements s
JOIN judged j ON j.claim = s.claim
JOIN claim_parts p ON p.claim = s.claim AND p.part = 1
QUALIFY j.more = 0  -- further rounds count where all of a claim has them
     OR j.missing = 0 AND j.networks = max(j.networks) OVER (PARTITION BY s.claim, j.base)
ORDER BY substr(s.claim, 2)::INTEGER, j.profile;

--- The paper's claims, one row each, by the profile that computes the most: paper, else desk, else laptop, with the most rounds beyond it that all of the claim has. No row mixes profiles.
--- *: claims_by_profile
CREATE OR REPLACE VIEW claims AS
SELECT c.* REPLACE (CASE WHEN corpora IS NOT NULL THEN profile END AS profile)
FROM claims_by_profile c JOIN claim_profiles f USING (profile)
WHERE f.base <> 'smoke'
QUALIFY row_number() OVER (
    PARTITION BY claim ORDER BY corpora IS NULL, f.place DESC, f.more DESC
) = 1
ORDER BY substr(claim, 2)::INTEGER;
