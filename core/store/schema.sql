-- The signature database: base tables, then the views and macros built on them.
-- Every statement can run again on a database that has it already. Comments on columns travel
-- with the published files, and docs/tables.md repeats them.

CREATE TABLE IF NOT EXISTS corpora (
    key VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, segment VARCHAR, segments BIGINT,
    symbols BIGINT, train_symbols BIGINT, dev_symbols BIGINT, test_symbols BIGINT,
    sample VARCHAR, added TIMESTAMP
);
COMMENT ON TABLE corpora IS 'Texts that models are trained on and signatures are measured on.';
COMMENT ON COLUMN corpora.key IS 'Hash of its segments and split, by which specs name it.';
COMMENT ON COLUMN corpora.name IS 'Name shown to people; not unique.';
COMMENT ON COLUMN corpora.segment IS 'What one segment is: line, sentence, speech or paragraph.';
COMMENT ON COLUMN corpora.segments IS 'Number of segments in all splits.';
COMMENT ON COLUMN corpora.symbols IS 'Number of symbols in all splits.';
COMMENT ON COLUMN corpora.train_symbols IS 'Number of symbols in the train split.';
COMMENT ON COLUMN corpora.dev_symbols IS 'Number of symbols in the dev split.';
COMMENT ON COLUMN corpora.test_symbols IS 'Number of symbols in the test split.';
COMMENT ON COLUMN corpora.sample IS 'The first few segments, as text.';
COMMENT ON COLUMN corpora.added IS 'When the corpus was stored (UTC).';

CREATE TABLE IF NOT EXISTS models (
    key VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, title VARCHAR, cell VARCHAR, layers INTEGER,
    hidden INTEGER, ngram_order INTEGER, corpus VARCHAR, parent VARCHAR, trained BOOLEAN, profile VARCHAR, seed BIGINT,
    parameters BIGINT, keep DOUBLE, dev_perplexity DOUBLE, test_perplexity DOUBLE,
    train_symbols BIGINT, epochs DOUBLE, seconds DOUBLE, device VARCHAR, threads INTEGER,
    machine VARCHAR, created TIMESTAMP, spec VARCHAR
);
COMMENT ON TABLE models IS 'Frozen models, trained or left untrained as a floor.';
COMMENT ON COLUMN models.key IS 'Key of the model spec.';
COMMENT ON COLUMN models.kind IS 'Kind of model: char_lm, ngram, or imported for one trained elsewhere.';
COMMENT ON COLUMN models.title IS 'What it is, in words, such as GRU [1,80] on shakespeare.';
COMMENT ON COLUMN models.cell IS 'Recurrent cell, such as lstm or gru.';
COMMENT ON COLUMN models.layers IS 'Number of stacked recurrent layers.';
COMMENT ON COLUMN models.hidden IS 'Units per layer.';
COMMENT ON COLUMN models.ngram_order IS 'Order of an n-gram; NULL for a network.';
COMMENT ON COLUMN models.corpus IS 'Key of the corpus it was trained on; NULL for one trained elsewhere.';
COMMENT ON COLUMN models.parent IS 'Key of the model it started from; NULL for fresh weights.';
COMMENT ON COLUMN models.trained IS 'False for a network at its initial weights.';
COMMENT ON COLUMN models.profile IS 'Profile that set the training budget: smoke, laptop or paper.';
COMMENT ON COLUMN models.seed IS 'Seed of the initial weights and of training.';
COMMENT ON COLUMN models.parameters IS 'Number of weights, of an n-gram of its n-grams.';
COMMENT ON COLUMN models.keep IS 'Keep probability of its dropout, chosen on dev.';
COMMENT ON COLUMN models.dev_perplexity IS 'Perplexity per predicted symbol on the dev split.';
COMMENT ON COLUMN models.test_perplexity IS 'Perplexity per predicted symbol on the test split.';
COMMENT ON COLUMN models.train_symbols IS 'Training symbols seen, repeats counted.';
COMMENT ON COLUMN models.epochs IS 'Passes over its training symbols.';
COMMENT ON COLUMN models.seconds IS 'Seconds of training.';
COMMENT ON COLUMN models.device IS 'Device it was trained on: cpu or the name of a GPU.';
COMMENT ON COLUMN models.threads IS 'CPU threads used.';
COMMENT ON COLUMN models.machine IS 'Description of the machine.';
COMMENT ON COLUMN models.created IS 'When training ended (UTC).';
COMMENT ON COLUMN models.spec IS 'The model spec as JSON.';

CREATE TABLE IF NOT EXISTS training_curve (
    model VARCHAR NOT NULL, keep DOUBLE, epoch DOUBLE, symbols BIGINT, train_bits DOUBLE,
    dev_perplexity DOUBLE, learning_rate DOUBLE, seconds DOUBLE
);
COMMENT ON TABLE training_curve IS 'How each training run went, one row per evaluation.';
COMMENT ON COLUMN training_curve.model IS 'Key of the model.';
COMMENT ON COLUMN training_curve.keep IS 'Keep probability of this run.';
COMMENT ON COLUMN training_curve.epoch IS 'Passes over the training symbols so far.';
COMMENT ON COLUMN training_curve.symbols IS 'Training symbols seen so far.';
COMMENT ON COLUMN training_curve.train_bits IS 'Mean cross-entropy since the row before, in bits per symbol.';
COMMENT ON COLUMN training_curve.dev_perplexity IS 'Perplexity on the dev split at this point.';
COMMENT ON COLUMN training_curve.learning_rate IS 'Learning rate at this point.';
COMMENT ON COLUMN training_curve.seconds IS 'Seconds of training so far.';

CREATE TABLE IF NOT EXISTS predictions (
    model VARCHAR NOT NULL, corpus VARCHAR NOT NULL, symbol VARCHAR, n BIGINT, correct BIGINT,
    accuracy DOUBLE, low DOUBLE, high DOUBLE
);
COMMENT ON TABLE predictions IS 'Forward accuracy: how often a model predicts the next symbol right.';
COMMENT ON COLUMN predictions.model IS 'Key of the model.';
COMMENT ON COLUMN predictions.corpus IS 'Key of the corpus whose test split was predicted.';
COMMENT ON COLUMN predictions.symbol IS 'True next symbol; NULL for all symbols together.';
COMMENT ON COLUMN predictions.n IS 'Test positions counted.';
COMMENT ON COLUMN predictions.correct IS 'Positions predicted right.';
COMMENT ON COLUMN predictions.accuracy IS 'correct / n.';
COMMENT ON COLUMN predictions.low IS 'Lower end of the 95 % bootstrap interval of accuracy.';
COMMENT ON COLUMN predictions.high IS 'Upper end of the 95 % bootstrap interval of accuracy.';

CREATE TABLE IF NOT EXISTS signatures (
    key VARCHAR PRIMARY KEY, model VARCHAR NOT NULL, layer INTEGER, state VARCHAR, corpus VARCHAR,
    decoder VARCHAR, width INTEGER, depth INTEGER, max_lag INTEGER, keeps DOUBLE[],
    profile VARCHAR, seed BIGINT, parameters BIGINT, untrained VARCHAR, train_states BIGINT,
    dev_states BIGINT, test_states BIGINT, seconds DOUBLE, device VARCHAR, threads INTEGER,
    machine VARCHAR, created TIMESTAMP, spec VARCHAR
);
COMMENT ON TABLE signatures IS 'Memory signatures: one row per model, layer, state, corpus and decoder.';
COMMENT ON COLUMN signatures.key IS 'Key of the signature spec.';
COMMENT ON COLUMN signatures.model IS 'Key of the model whose state is read.';
COMMENT ON COLUMN signatures.layer IS 'Recurrent layer read, 1 being nearest the input.';
COMMENT ON COLUMN signatures.state IS 'State read: c (LSTM cell), h (output) or context (n-gram).';
COMMENT ON COLUMN signatures.corpus IS 'Key of the corpus it was measured on.';
COMMENT ON COLUMN signatures.decoder IS 'Decoder: mlp, linear for the closed-form preview, or exact (n-gram).';
COMMENT ON COLUMN signatures.width IS 'Hidden units of a decoder; 0 for the linear and the exact one.';
COMMENT ON COLUMN signatures.depth IS 'Hidden layers of a decoder.';
COMMENT ON COLUMN signatures.max_lag IS 'Largest lag.';
COMMENT ON COLUMN signatures.keeps IS 'Keep probability chosen on dev for each lag, from lag 0 on.';
COMMENT ON COLUMN signatures.profile IS 'Profile that set the decoder budget: smoke, laptop or paper.';
COMMENT ON COLUMN signatures.seed IS 'Seed of the decoders.';
COMMENT ON COLUMN signatures.parameters IS 'Number of weights of one decoder.';
COMMENT ON COLUMN signatures.untrained IS 'Key of the same signature of the untrained network.';
COMMENT ON COLUMN signatures.train_states IS 'States the decoders were trained on.';
COMMENT ON COLUMN signatures.dev_states IS 'States the decoders were chosen on.';
COMMENT ON COLUMN signatures.test_states IS 'States the recalls were measured on.';
COMMENT ON COLUMN signatures.seconds IS 'Seconds it took, the model not counted.';
COMMENT ON COLUMN signatures.device IS 'Device the decoders were trained on.';
COMMENT ON COLUMN signatures.threads IS 'CPU threads used.';
COMMENT ON COLUMN signatures.machine IS 'Description of the machine.';
COMMENT ON COLUMN signatures.created IS 'When it was done (UTC).';
COMMENT ON COLUMN signatures.spec IS 'The signature spec as JSON.';

CREATE TABLE IF NOT EXISTS recall (
    signature VARCHAR NOT NULL, lag INTEGER NOT NULL, symbol VARCHAR, n BIGINT, correct BIGINT,
    accuracy DOUBLE, low DOUBLE, high DOUBLE, bits DOUBLE, majority DOUBLE, "current" DOUBLE,
    precision DOUBLE
);
COMMENT ON TABLE recall IS 'Recall of every signature by lag and true symbol, with its floors.';
COMMENT ON COLUMN recall.signature IS 'Key of the signature.';
COMMENT ON COLUMN recall.lag IS 'Steps back that the decoder looks; 0 is the symbol just read.';
COMMENT ON COLUMN recall.symbol IS 'True symbol at that lag; NULL for all symbols together.';
COMMENT ON COLUMN recall.n IS 'Test positions counted.';
COMMENT ON COLUMN recall.correct IS 'Positions decoded right.';
COMMENT ON COLUMN recall.accuracy IS 'Recall: correct / n.';
COMMENT ON COLUMN recall.low IS 'Lower end of the 95 % bootstrap interval of accuracy.';
COMMENT ON COLUMN recall.high IS 'Upper end of the 95 % bootstrap interval of accuracy.';
COMMENT ON COLUMN recall.bits IS 'Recalled bits: entropy of the symbol less cross-entropy of the decoder.';
COMMENT ON COLUMN recall.majority IS 'Floor: recall of always guessing the most frequent symbol.';
COMMENT ON COLUMN recall."current" IS 'Floor: recall of the best guess from the current symbol alone.';
COMMENT ON COLUMN recall.precision IS 'Share of the positions decoded as this symbol that were right.';

CREATE TABLE IF NOT EXISTS confusion (
    signature VARCHAR NOT NULL, lag INTEGER NOT NULL, truth VARCHAR NOT NULL,
    guess VARCHAR NOT NULL, n BIGINT NOT NULL
);
COMMENT ON TABLE confusion IS 'What decoders answered for each true symbol; pairs that never occurred have no row.';
COMMENT ON COLUMN confusion.signature IS 'Key of the signature.';
COMMENT ON COLUMN confusion.lag IS 'Steps back that the decoder looks.';
COMMENT ON COLUMN confusion.truth IS 'True symbol at that lag.';
COMMENT ON COLUMN confusion.guess IS 'Symbol the decoder answered.';
COMMENT ON COLUMN confusion.n IS 'Test positions with this pair.';

CREATE TABLE IF NOT EXISTS perplexities (
    key VARCHAR PRIMARY KEY, title VARCHAR, corpus VARCHAR, members VARCHAR[], weights DOUBLE[],
    dev_perplexity DOUBLE, test_perplexity DOUBLE, test_symbols BIGINT, profile VARCHAR,
    seconds DOUBLE, device VARCHAR, threads INTEGER, machine VARCHAR, created TIMESTAMP,
    spec VARCHAR
);
COMMENT ON TABLE perplexities IS 'Perplexity of a model, or of several interpolated, on a corpus.';
COMMENT ON COLUMN perplexities.key IS 'Key of the mixture spec.';
COMMENT ON COLUMN perplexities.title IS 'The models, in words.';
COMMENT ON COLUMN perplexities.corpus IS 'Key of the corpus that was scored.';
COMMENT ON COLUMN perplexities.members IS 'Keys of the models.';
COMMENT ON COLUMN perplexities.weights IS 'Their interpolation weights, fitted on dev.';
COMMENT ON COLUMN perplexities.dev_perplexity IS 'Perplexity per predicted symbol on the dev split.';
COMMENT ON COLUMN perplexities.test_perplexity IS 'Perplexity per predicted symbol on the test split.';
COMMENT ON COLUMN perplexities.test_symbols IS 'Symbols predicted on the test split.';
COMMENT ON COLUMN perplexities.profile IS 'Profile that set how much was scored.';
COMMENT ON COLUMN perplexities.seconds IS 'Seconds of scoring.';
COMMENT ON COLUMN perplexities.device IS 'Device it was scored on.';
COMMENT ON COLUMN perplexities.threads IS 'CPU threads used.';
COMMENT ON COLUMN perplexities.machine IS 'Description of the machine.';
COMMENT ON COLUMN perplexities.created IS 'When it was done (UTC).';
COMMENT ON COLUMN perplexities.spec IS 'The mixture spec as JSON.';

CREATE TABLE IF NOT EXISTS jobs (
    key VARCHAR, attempt INTEGER, title VARCHAR, who VARCHAR, asked TIMESTAMP, started TIMESTAMP,
    ended TIMESTAMP, seconds DOUBLE, outcome VARCHAR, reason VARCHAR, device VARCHAR,
    PRIMARY KEY (key, attempt)
);
COMMENT ON TABLE jobs IS 'Work that was asked for, one row per attempt, and what was added or deleted by hand.';
COMMENT ON COLUMN jobs.key IS 'Key of the spec that was computed.';
COMMENT ON COLUMN jobs.attempt IS 'Number of the attempt, from 1.';
COMMENT ON COLUMN jobs.title IS 'What it computed, for people.';
COMMENT ON COLUMN jobs.who IS 'Who asked first.';
COMMENT ON COLUMN jobs.asked IS 'When it was asked for (UTC).';
COMMENT ON COLUMN jobs.started IS 'When work began (UTC).';
COMMENT ON COLUMN jobs.ended IS 'When it ended (UTC).';
COMMENT ON COLUMN jobs.seconds IS 'Seconds of work.';
COMMENT ON COLUMN jobs.outcome IS 'How it ended: done, failed, cancelled or interrupted; added or deleted by hand.';
COMMENT ON COLUMN jobs.reason IS 'Why it failed, or who cancelled it; else NULL.';
COMMENT ON COLUMN jobs.device IS 'Device it ran on.';

CREATE OR REPLACE VIEW marginal_recall AS
SELECT
    r.signature, s.model, m.title,
    coalesce(upper(m.cell) || ' [' || m.layers || ',' || m.hidden || ']', m.ngram_order || '-gram')
        AS name,
    m.kind, m.cell, m.layers, m.hidden, m.trained, m.parameters,
    learned.name AS model_corpus, measured.name AS corpus,
    s.layer, s.state, s.decoder, s.profile, s.seed, r.lag, r.n, r.accuracy, r.low, r.high,
    r.bits, r.majority, r."current", u.accuracy AS untrained
FROM recall r
JOIN signatures s ON s.key = r.signature
LEFT JOIN models m ON m.key = s.model
LEFT JOIN corpora learned ON learned.key = m.corpus
LEFT JOIN corpora measured ON measured.key = s.corpus
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag AND u.symbol IS NULL
WHERE r.symbol IS NULL;
COMMENT ON VIEW marginal_recall IS 'Recall over all symbols by lag, with model, corpus and every floor.';
COMMENT ON COLUMN marginal_recall.signature IS 'Key of the signature.';
COMMENT ON COLUMN marginal_recall.model IS 'Key of the model.';
COMMENT ON COLUMN marginal_recall.title IS 'The model in words, with what it was trained on.';
COMMENT ON COLUMN marginal_recall.name IS 'The model in short, such as GRU [1,80].';
COMMENT ON COLUMN marginal_recall.kind IS 'Kind of model.';
COMMENT ON COLUMN marginal_recall.cell IS 'Recurrent cell.';
COMMENT ON COLUMN marginal_recall.layers IS 'Number of stacked recurrent layers.';
COMMENT ON COLUMN marginal_recall.hidden IS 'Units per layer.';
COMMENT ON COLUMN marginal_recall.trained IS 'False for a network at its initial weights.';
COMMENT ON COLUMN marginal_recall.parameters IS 'Number of weights of the model.';
COMMENT ON COLUMN marginal_recall.model_corpus IS 'Name of the corpus the model was trained on.';
COMMENT ON COLUMN marginal_recall.corpus IS 'Name of the corpus the signature was measured on.';
COMMENT ON COLUMN marginal_recall.layer IS 'Recurrent layer read.';
COMMENT ON COLUMN marginal_recall.state IS 'State read: c, h or context.';
COMMENT ON COLUMN marginal_recall.decoder IS 'Decoder: mlp, linear or exact.';
COMMENT ON COLUMN marginal_recall.profile IS 'Profile of the decoder budget.';
COMMENT ON COLUMN marginal_recall.seed IS 'Seed of the decoders.';
COMMENT ON COLUMN marginal_recall.lag IS 'Steps back that the decoder looks.';
COMMENT ON COLUMN marginal_recall.n IS 'Test positions counted.';
COMMENT ON COLUMN marginal_recall.accuracy IS 'Marginal recall: share of positions decoded right.';
COMMENT ON COLUMN marginal_recall.low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN marginal_recall.high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN marginal_recall.bits IS 'Recalled bits.';
COMMENT ON COLUMN marginal_recall.majority IS 'Floor: the most frequent symbol.';
COMMENT ON COLUMN marginal_recall."current" IS 'Floor: the best guess from the current symbol alone.';
COMMENT ON COLUMN marginal_recall.untrained IS 'Floor: the same decoders on the untrained network.';

CREATE OR REPLACE MACRO signature_matrix(key_) AS TABLE
SELECT
    r.lag, r.symbol, r.n, r.correct, r.accuracy, r.low, r.high, r.bits, r.majority, r."current",
    r.precision, u.accuracy AS untrained
FROM recall r
JOIN signatures s ON s.key = r.signature
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag AND u.symbol = r.symbol
WHERE r.signature = key_ AND r.symbol IS NOT NULL
ORDER BY r.lag, r.symbol;
COMMENT ON MACRO TABLE signature_matrix IS 'signature_matrix(key): the symbol × lag cells of one signature, with every floor.';

CREATE OR REPLACE MACRO difference(a, b) AS TABLE
SELECT
    x.lag, x.symbol, x.accuracy AS a, y.accuracy AS b, x.accuracy - y.accuracy AS difference,
    x.low > y.high OR y.low > x.high AS significant, x.n AS n_a, y.n AS n_b
FROM recall x
JOIN recall y ON y.lag = x.lag AND y.symbol = x.symbol
WHERE x.signature = a AND y.signature = b
ORDER BY x.lag, x.symbol;
COMMENT ON MACRO TABLE difference IS 'difference(a, b): the cells of signature a less those of signature b.';

CREATE OR REPLACE MACRO similarity(a, b) AS TABLE
SELECT
    sum(abs(difference) * (n_a + n_b)) / sum(n_a + n_b) AS distance,
    count(*) AS cells
FROM difference(a, b)
WHERE lag > 0 AND difference IS NOT NULL;
COMMENT ON MACRO TABLE similarity IS 'similarity(a, b): how far apart two signatures are, lag 0 left out.';
