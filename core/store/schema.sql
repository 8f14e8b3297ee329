-- The signature database: base tables, then the views and macros built on them.
-- Every statement can run again on a database that has it already. Comments on columns travel
-- with the published files, and docs/tables.md repeats them.

CREATE TABLE IF NOT EXISTS corpora (
    key VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, segment VARCHAR, segments BIGINT,
    symbols BIGINT, train_symbols BIGINT, dev_symbols BIGINT, test_symbols BIGINT,
    sample VARCHAR, added TIMESTAMP, kind VARCHAR, hours DOUBLE, skipped VARCHAR[],
    seconds DOUBLE, machine VARCHAR, spec VARCHAR, kept DOUBLE
);
UPDATE corpora SET kind = 'text' WHERE kind IS NULL;  -- rows from before there was speech
COMMENT ON TABLE corpora IS 'Texts and speech that models are trained on and signatures are measured on.';
COMMENT ON COLUMN corpora.key IS 'Hash of its segments and split, by which specs name it; of speech, key of its spec.';
COMMENT ON COLUMN corpora.name IS 'Name shown to people; not unique.';
COMMENT ON COLUMN corpora.segment IS 'What one segment is: line, sentence, speech, paragraph or utterance.';
COMMENT ON COLUMN corpora.segments IS 'Number of segments in all splits.';
COMMENT ON COLUMN corpora.symbols IS 'Number of symbols in all splits.';
COMMENT ON COLUMN corpora.train_symbols IS 'Number of symbols in the train split.';
COMMENT ON COLUMN corpora.dev_symbols IS 'Number of symbols in the dev split.';
COMMENT ON COLUMN corpora.test_symbols IS 'Number of symbols in the test split.';
COMMENT ON COLUMN corpora.sample IS 'The first few segments, as text.';
COMMENT ON COLUMN corpora.added IS 'When the corpus was stored (UTC).';
COMMENT ON COLUMN corpora.kind IS 'text or speech.';
COMMENT ON COLUMN corpora.hours IS 'Hours of speech in all splits; NULL for text.';
COMMENT ON COLUMN corpora.skipped IS 'Utterances left out, each with the reason; NULL for text.';
COMMENT ON COLUMN corpora.seconds IS 'Seconds it took to make; NULL for text.';
COMMENT ON COLUMN corpora.machine IS 'Description of the machine; NULL for text.';
COMMENT ON COLUMN corpora.spec IS 'The spec of a speech corpus as JSON; NULL for text.';
COMMENT ON COLUMN corpora.kept IS 'Share of the letters of a text of one''s own that the alphabet has or spells (0 to 1); NULL for others.';

CREATE OR REPLACE VIEW recurrent_cells AS
SELECT * FROM (VALUES {cells}) AS facts(cell, label, place, state);
COMMENT ON VIEW recurrent_cells IS 'The recurrent cells that the program knows.';
COMMENT ON COLUMN recurrent_cells.cell IS 'Name in specs and tables.';
COMMENT ON COLUMN recurrent_cells.label IS 'Name for people.';
COMMENT ON COLUMN recurrent_cells.place IS 'Place in every list.';
COMMENT ON COLUMN recurrent_cells.state IS 'State that is read by default.';

CREATE TABLE IF NOT EXISTS models (
    key VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, title VARCHAR, cell VARCHAR, layers INTEGER,
    hidden INTEGER, ngram_order INTEGER, corpus VARCHAR, parent VARCHAR, trained BOOLEAN, profile VARCHAR, seed BIGINT,
    parameters BIGINT, keep DOUBLE, dev_perplexity DOUBLE, test_perplexity DOUBLE,
    cer DOUBLE, wer DOUBLE, monotone DOUBLE, train_symbols BIGINT, epochs DOUBLE, seconds DOUBLE, device VARCHAR, threads INTEGER,
    machine VARCHAR, created TIMESTAMP, spec VARCHAR
);
COMMENT ON TABLE models IS 'Frozen models, trained or left untrained as a floor.';
COMMENT ON COLUMN models.key IS 'Key of the model spec.';
COMMENT ON COLUMN models.kind IS 'Kind of model: char_lm, ngram, imported for one trained elsewhere, las (a speech recognizer), factorized (of two corpora, with or without bases), kernel (part of a factorized one) or pruned.';
COMMENT ON COLUMN models.title IS 'What it is, in words, such as GRU [1,80] on shakespeare.';
COMMENT ON COLUMN models.cell IS 'Recurrent cell, such as lstm, gru, or a recognizer''s blstm (bidirectional).';
COMMENT ON COLUMN models.layers IS 'Number of stacked recurrent layers.';
COMMENT ON COLUMN models.hidden IS 'Units per layer, of a bidirectional one in each direction.';
COMMENT ON COLUMN models.ngram_order IS 'Order of an n-gram; NULL for a network.';
COMMENT ON COLUMN models.corpus IS 'Key of the corpus it was trained on; NULL for a mix, or for one trained elsewhere.';
COMMENT ON COLUMN models.parent IS 'Key of the model it started from or was made of; NULL for fresh weights.';
COMMENT ON COLUMN models.trained IS 'False for a network at its initial weights.';
COMMENT ON COLUMN models.profile IS 'Profile that set the training budget: smoke, laptop or paper.';
COMMENT ON COLUMN models.seed IS 'Seed of the initial weights and of training.';
COMMENT ON COLUMN models.parameters IS 'Number of weights, of an n-gram of its n-grams.';
COMMENT ON COLUMN models.keep IS 'Keep probability of its dropout, chosen on dev.';
COMMENT ON COLUMN models.dev_perplexity IS 'Perplexity per predicted symbol on the dev split.';
COMMENT ON COLUMN models.test_perplexity IS 'Perplexity per predicted symbol on the test split.';
COMMENT ON COLUMN models.cer IS 'Character error rate of a recognizer on the test split, spelling greedily.';
COMMENT ON COLUMN models.wer IS 'Word error rate of a recognizer on the test split.';
COMMENT ON COLUMN models.monotone IS 'Share of the moves of a recognizer''s attention that do not go back in time, on the test split.';
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
    dev_perplexity DOUBLE, dev_cer DOUBLE, learning_rate DOUBLE, seconds DOUBLE
);
COMMENT ON TABLE training_curve IS 'How each training run went, one row per evaluation.';
COMMENT ON COLUMN training_curve.model IS 'Key of the model.';
COMMENT ON COLUMN training_curve.keep IS 'Keep probability of this run.';
COMMENT ON COLUMN training_curve.epoch IS 'Passes over the training symbols so far.';
COMMENT ON COLUMN training_curve.symbols IS 'Training symbols seen so far.';
COMMENT ON COLUMN training_curve.train_bits IS 'Mean cross-entropy since the row before, in bits per symbol.';
COMMENT ON COLUMN training_curve.dev_perplexity IS 'Perplexity on the dev split at this point.';
COMMENT ON COLUMN training_curve.dev_cer IS 'Character error rate of a recognizer on the dev split at this point.';
COMMENT ON COLUMN training_curve.learning_rate IS 'Learning rate at this point.';
COMMENT ON COLUMN training_curve.seconds IS 'Seconds of training so far.';

CREATE TABLE IF NOT EXISTS predictions (
    model VARCHAR NOT NULL, corpus VARCHAR NOT NULL, symbol VARCHAR, n BIGINT, correct BIGINT,
    accuracy DOUBLE, low DOUBLE, high DOUBLE, draws FLOAT[]
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
COMMENT ON COLUMN predictions.draws IS 'Accuracy in bootstrap replicates.';

CREATE TABLE IF NOT EXISTS signatures (
    key VARCHAR PRIMARY KEY, model VARCHAR NOT NULL, layer INTEGER, part VARCHAR, state VARCHAR,
    half VARCHAR, alignment VARCHAR, corpus VARCHAR, decoder VARCHAR, width INTEGER,
    depth INTEGER, min_lag INTEGER, max_lag INTEGER, keeps DOUBLE[],
    profile VARCHAR, seed BIGINT, parameters BIGINT, untrained VARCHAR, train_states BIGINT,
    dev_states BIGINT, test_states BIGINT, seconds DOUBLE, device VARCHAR, threads INTEGER,
    machine VARCHAR, created TIMESTAMP, spec VARCHAR
);
COMMENT ON TABLE signatures IS 'Memory signatures: one row per model, layer, state, corpus and decoder.';
COMMENT ON COLUMN signatures.key IS 'Key of the signature spec.';
COMMENT ON COLUMN signatures.model IS 'Key of the model whose state is read.';
COMMENT ON COLUMN signatures.layer IS 'Recurrent layer read, 1 being nearest the input; NULL where that has no number.';
COMMENT ON COLUMN signatures.part IS 'What is read of a recognizer: encoder 1 and so on, query, context, or log-mel; NULL for others.';
COMMENT ON COLUMN signatures.state IS 'State read: c (LSTM cell), h (output) or context (n-gram); NULL where there is no choice.';
COMMENT ON COLUMN signatures.half IS 'Of a recognizer''s bidirectional layer: both halves or forward; NULL elsewhere.';
COMMENT ON COLUMN signatures.alignment IS 'How a symbol finds its moment in speech: attention, ctc or words.';
COMMENT ON COLUMN signatures.corpus IS 'Key of the corpus it was measured on.';
COMMENT ON COLUMN signatures.decoder IS 'Decoder: mlp, linear for the closed-form preview, or exact (n-gram).';
COMMENT ON COLUMN signatures.width IS 'Hidden units of a decoder; 0 for the linear and the exact one.';
COMMENT ON COLUMN signatures.depth IS 'Hidden layers of a decoder.';
COMMENT ON COLUMN signatures.min_lag IS 'Smallest lag, below zero where decoders also look ahead; NULL is 0.';
COMMENT ON COLUMN signatures.max_lag IS 'Largest lag.';
COMMENT ON COLUMN signatures.keeps IS 'Keep probability chosen on dev for each lag, from the smallest on.';
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
    precision DOUBLE, ms DOUBLE
);
COMMENT ON TABLE recall IS 'Recall of every signature by lag and true symbol, with its floors.';
COMMENT ON COLUMN recall.signature IS 'Key of the signature.';
COMMENT ON COLUMN recall.lag IS 'Steps back that the decoder looks; 0 is the symbol just read, below zero is still to come.';
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
COMMENT ON COLUMN recall.ms IS 'Mean time from the symbol to the state, in milliseconds of speech; NULL for text.';

CREATE TABLE IF NOT EXISTS draws (
    signature VARCHAR NOT NULL, lag INTEGER NOT NULL, symbol VARCHAR, accuracies FLOAT[]
);
COMMENT ON TABLE draws IS 'Recall in bootstrap replicates; place i of two signatures tested on the same segments is the same replicate.';
COMMENT ON COLUMN draws.signature IS 'Key of the signature.';
COMMENT ON COLUMN draws.lag IS 'Steps back that the decoder looks.';
COMMENT ON COLUMN draws.symbol IS 'True symbol at that lag; NULL for all symbols together.';
COMMENT ON COLUMN draws.accuracies IS 'Recall in each replicate; NULL where it holds no such position.';

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
    spec VARCHAR, draws FLOAT[]
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
COMMENT ON COLUMN perplexities.draws IS 'Test perplexity in bootstrap replicates; place i is the same replicate for all models scored on the same text.';

CREATE TABLE IF NOT EXISTS atlases (
    key VARCHAR PRIMARY KEY, model VARCHAR NOT NULL, corpus VARCHAR, first VARCHAR,
    corpus_1 VARCHAR, corpus_2 VARCHAR, bases INTEGER, strength DOUBLE, max_lag INTEGER,
    profile VARCHAR, seed BIGINT, train_states BIGINT, dev_states BIGINT, test_states BIGINT,
    seconds DOUBLE, device VARCHAR, threads INTEGER, machine VARCHAR, created TIMESTAMP,
    spec VARCHAR
);
COMMENT ON TABLE atlases IS 'Linear signatures of all bases of a factorized model: one row each for the whole and for every row of its map.';
COMMENT ON COLUMN atlases.key IS 'Key of the atlas spec.';
COMMENT ON COLUMN atlases.model IS 'Key of the factorized model.';
COMMENT ON COLUMN atlases.corpus IS 'Key of the corpus whose text the bases were measured on.';
COMMENT ON COLUMN atlases.first IS 'First symbol of the bases in this row of the map; NULL for the whole.';
COMMENT ON COLUMN atlases.corpus_1 IS 'Key of the first corpus of the mix the model was trained on.';
COMMENT ON COLUMN atlases.corpus_2 IS 'Key of the second corpus of the mix.';
COMMENT ON COLUMN atlases.bases IS 'Number of bases measured.';
COMMENT ON COLUMN atlases.strength IS 'The fixed λ of each basis and control.';
COMMENT ON COLUMN atlases.max_lag IS 'Largest lag.';
COMMENT ON COLUMN atlases.profile IS 'Profile that set how much text it was measured on.';
COMMENT ON COLUMN atlases.seed IS 'Seed of the text drawn and of the controls.';
COMMENT ON COLUMN atlases.train_states IS 'States the linear decoders were solved on.';
COMMENT ON COLUMN atlases.dev_states IS 'States their ridge strengths were chosen on.';
COMMENT ON COLUMN atlases.test_states IS 'States the recalls were measured on.';
COMMENT ON COLUMN atlases.seconds IS 'Seconds it took.';
COMMENT ON COLUMN atlases.device IS 'Device it was computed on.';
COMMENT ON COLUMN atlases.threads IS 'CPU threads used.';
COMMENT ON COLUMN atlases.machine IS 'Description of the machine.';
COMMENT ON COLUMN atlases.created IS 'When it was done (UTC).';
COMMENT ON COLUMN atlases.spec IS 'The atlas spec as JSON.';

CREATE TABLE IF NOT EXISTS bases (
    atlas VARCHAR NOT NULL, model VARCHAR NOT NULL, first VARCHAR NOT NULL,
    second VARCHAR NOT NULL, bigram VARCHAR, number INTEGER, norm DOUBLE, count_1 BIGINT,
    count_2 BIGINT, lambda_1 DOUBLE, lambda_2 DOUBLE, recall DOUBLE, control DOUBLE,
    above_control DOUBLE, own DOUBLE, drop_1 DOUBLE, drop_2 DOUBLE, drop_n_1 BIGINT,
    drop_n_2 BIGINT
);
COMMENT ON TABLE bases IS 'The rank-one bases of factorized models, one per bigram, as their atlas measured them.';
COMMENT ON COLUMN bases.atlas IS 'Key of the whole atlas.';
COMMENT ON COLUMN bases.model IS 'Key of the factorized model.';
COMMENT ON COLUMN bases.first IS 'First symbol of the bigram.';
COMMENT ON COLUMN bases.second IS 'Second symbol of the bigram.';
COMMENT ON COLUMN bases.bigram IS 'The bigram: both symbols together.';
COMMENT ON COLUMN bases.number IS '34 × number of the first symbol + number of the second, as in λ.';
COMMENT ON COLUMN bases.norm IS 'Norm of u vᵀ, the basis without its λ.';
COMMENT ON COLUMN bases.count_1 IS 'How often the bigram occurs in the training text of the first corpus.';
COMMENT ON COLUMN bases.count_2 IS 'How often it occurs in the training text of the second corpus.';
COMMENT ON COLUMN bases.lambda_1 IS 'Mean λ over the training text of the first corpus.';
COMMENT ON COLUMN bases.lambda_2 IS 'Mean λ over the training text of the second corpus.';
COMMENT ON COLUMN bases.recall IS 'Total recall: marginal recall of the basis alone, mean over lags 1 to the largest.';
COMMENT ON COLUMN bases.control IS 'The same of a random rank-one kernel of equal norm.';
COMMENT ON COLUMN bases.above_control IS 'recall − control.';
COMMENT ON COLUMN bases.own IS 'Recall of the bigram''s own symbols, mean over both and over lags 1 to the largest; NULL if the test text has neither.';
COMMENT ON COLUMN bases.drop_1 IS 'Rise of dev perplexity on the first corpus when the basis is left out.';
COMMENT ON COLUMN bases.drop_2 IS 'Rise of dev perplexity on the second corpus when the basis is left out.';
COMMENT ON COLUMN bases.drop_n_1 IS 'Symbols of the first corpus it was measured on.';
COMMENT ON COLUMN bases.drop_n_2 IS 'Symbols of the second corpus it was measured on.';

CREATE TABLE IF NOT EXISTS basis_recall (
    atlas VARCHAR NOT NULL, kernel VARCHAR NOT NULL, first VARCHAR, second VARCHAR,
    lag INTEGER NOT NULL, symbol VARCHAR, n BIGINT, correct BIGINT, accuracy FLOAT
);
COMMENT ON TABLE basis_recall IS 'Recall of every basis of an atlas by lag and true symbol, by linear decoders.';
COMMENT ON COLUMN basis_recall.atlas IS 'Key of the whole atlas.';
COMMENT ON COLUMN basis_recall.kernel IS 'What ran alone: basis, control (random, of equal norm), base (W₀) or full (λ at its mean).';
COMMENT ON COLUMN basis_recall.first IS 'First symbol of the bigram; NULL for base and full.';
COMMENT ON COLUMN basis_recall.second IS 'Second symbol of the bigram; NULL for base and full.';
COMMENT ON COLUMN basis_recall.lag IS 'Steps back that the decoder looks; 0 is the symbol just read.';
COMMENT ON COLUMN basis_recall.symbol IS 'True symbol at that lag; NULL for all symbols together, the only rows of a control.';
COMMENT ON COLUMN basis_recall.n IS 'Test positions counted.';
COMMENT ON COLUMN basis_recall.correct IS 'Positions decoded right.';
COMMENT ON COLUMN basis_recall.accuracy IS 'Recall: correct / n.';

CREATE TABLE IF NOT EXISTS basis_order (
    atlas VARCHAR NOT NULL, first VARCHAR NOT NULL, second VARCHAR NOT NULL, place INTEGER,
    cluster INTEGER, own_others DOUBLE, own_rank DOUBLE
);
COMMENT ON TABLE basis_order IS 'What only the whole atlas tells of each basis: its place among the others.';
COMMENT ON COLUMN basis_order.atlas IS 'Key of the whole atlas.';
COMMENT ON COLUMN basis_order.first IS 'First symbol of the bigram.';
COMMENT ON COLUMN basis_order.second IS 'Second symbol of the bigram.';
COMMENT ON COLUMN basis_order.place IS 'Place when ordered by likeness of signatures, from 0: neighbors are alike.';
COMMENT ON COLUMN basis_order.cluster IS 'Cluster the basis belongs to, from 1.';
COMMENT ON COLUMN basis_order.own_others IS 'What all other bases recall of the bigram''s own symbols, on the mean.';
COMMENT ON COLUMN basis_order.own_rank IS 'Share of the other bases that recall those symbols worse, half of ties counted.';

CREATE TABLE IF NOT EXISTS basis_claims (
    atlas VARCHAR NOT NULL, claim VARCHAR NOT NULL, meaning VARCHAR, value DOUBLE,
    reference DOUBLE, effect DOUBLE, low DOUBLE, high DOUBLE, p DOUBLE, n BIGINT
);
COMMENT ON TABLE basis_claims IS 'What the paper says of the bases, as numbers of a whole atlas.';
COMMENT ON COLUMN basis_claims.atlas IS 'Key of the whole atlas.';
COMMENT ON COLUMN basis_claims.claim IS 'Name of the claim.';
COMMENT ON COLUMN basis_claims.meaning IS 'What was measured, in one sentence.';
COMMENT ON COLUMN basis_claims.value IS 'The number.';
COMMENT ON COLUMN basis_claims.reference IS 'What it is held against, such as the control''s.';
COMMENT ON COLUMN basis_claims.effect IS 'Effect size, where there is a test.';
COMMENT ON COLUMN basis_claims.low IS 'Lower end of the 95 % interval of the effect, over bases.';
COMMENT ON COLUMN basis_claims.high IS 'Upper end of that interval.';
COMMENT ON COLUMN basis_claims.p IS 'Its p value.';
COMMENT ON COLUMN basis_claims.n IS 'How many bases, or pairs of them, it rests on.';

CREATE TABLE IF NOT EXISTS prunings (
    key VARCHAR PRIMARY KEY, atlas VARCHAR NOT NULL, model VARCHAR NOT NULL, target VARCHAR,
    rule VARCHAR, profile VARCHAR, seed BIGINT, seconds DOUBLE, device VARCHAR, threads INTEGER,
    machine VARCHAR, created TIMESTAMP, spec VARCHAR
);
COMMENT ON TABLE prunings IS 'Orders in which the bases of a model are pruned, one row per rule and target.';
COMMENT ON COLUMN prunings.key IS 'Key of the pruning spec.';
COMMENT ON COLUMN prunings.atlas IS 'Key of the whole atlas it goes by.';
COMMENT ON COLUMN prunings.model IS 'Key of the factorized model.';
COMMENT ON COLUMN prunings.target IS 'Key of the corpus that the pruned model is meant for.';
COMMENT ON COLUMN prunings.rule IS 'Rule: recall, norm, lambda, leave-one-out, or random as the baseline.';
COMMENT ON COLUMN prunings.profile IS 'Profile that set how much was scored.';
COMMENT ON COLUMN prunings.seed IS 'Seed of the random rule.';
COMMENT ON COLUMN prunings.seconds IS 'Seconds it took.';
COMMENT ON COLUMN prunings.device IS 'Device it was computed on.';
COMMENT ON COLUMN prunings.threads IS 'CPU threads used.';
COMMENT ON COLUMN prunings.machine IS 'Description of the machine.';
COMMENT ON COLUMN prunings.created IS 'When it was done (UTC).';
COMMENT ON COLUMN prunings.spec IS 'The pruning spec as JSON.';

CREATE TABLE IF NOT EXISTS pruning_order (
    pruning VARCHAR NOT NULL, first VARCHAR NOT NULL, second VARCHAR NOT NULL,
    place INTEGER NOT NULL, score DOUBLE
);
COMMENT ON TABLE pruning_order IS 'Which bases a pruning keeps longest.';
COMMENT ON COLUMN pruning_order.pruning IS 'Key of the pruning.';
COMMENT ON COLUMN pruning_order.first IS 'First symbol of the bigram.';
COMMENT ON COLUMN pruning_order.second IS 'Second symbol of the bigram.';
COMMENT ON COLUMN pruning_order.place IS 'Place in the order, from 1: the first `kept` places are kept.';
COMMENT ON COLUMN pruning_order.score IS 'What the rule goes by; the largest are kept.';

CREATE TABLE IF NOT EXISTS pruning_curve (
    pruning VARCHAR NOT NULL, corpus VARCHAR NOT NULL, kept INTEGER NOT NULL, perplexity DOUBLE,
    n BIGINT
);
COMMENT ON TABLE pruning_curve IS 'Test perplexity of a pruned model by the number of bases kept.';
COMMENT ON COLUMN pruning_curve.pruning IS 'Key of the pruning.';
COMMENT ON COLUMN pruning_curve.corpus IS 'Key of the corpus that was scored.';
COMMENT ON COLUMN pruning_curve.kept IS 'Bases kept.';
COMMENT ON COLUMN pruning_curve.perplexity IS 'Perplexity per predicted symbol on a part of the test split.';
COMMENT ON COLUMN pruning_curve.n IS 'Symbols predicted.';

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

CREATE TABLE IF NOT EXISTS shipped (
    key VARCHAR PRIMARY KEY, command VARCHAR, machine VARCHAR, made TIMESTAMP, packages VARCHAR
);
COMMENT ON TABLE shipped IS 'Results that came with the program; one that is computed here takes the place of the shipped one.';
COMMENT ON COLUMN shipped.key IS 'Key of the result.';
COMMENT ON COLUMN shipped.command IS 'The command that computed it.';
COMMENT ON COLUMN shipped.machine IS 'Description of the machine it was exported on.';
COMMENT ON COLUMN shipped.made IS 'When it was exported (UTC).';
COMMENT ON COLUMN shipped.packages IS 'Versions of the packages it was computed with, as JSON.';

CREATE TABLE IF NOT EXISTS earlier (key VARCHAR PRIMARY KEY);
COMMENT ON TABLE earlier IS 'Results of an earlier version of some stage: asked for again, they would get another key.';
COMMENT ON COLUMN earlier.key IS 'Key of the result.';

CREATE OR REPLACE VIEW marginal_recall AS
SELECT
    r.signature, s.model, m.title,
    CASE WHEN m.kind IN ('factorized', 'kernel', 'pruned')
        THEN regexp_replace(m.title, ',? on .*', '')
        ELSE coalesce(
            if(m.kind = 'las', 'LAS', coalesce(k.label, m.cell)) || ' [' || m.layers || ',' || m.hidden || ']',
            m.ngram_order || '-gram'
        ) END AS name,
    m.kind, m.cell, m.layers, m.hidden, m.trained, m.parameters,
    learned.name AS model_corpus, measured.name AS corpus,
    s.layer, s.part, s.state, s.half, s.alignment, s.decoder, s.profile, s.seed, r.lag, r.n,
    r.accuracy, r.low, r.high, r.bits, r.majority, r."current", u.accuracy AS untrained, r.ms
FROM recall r
JOIN signatures s ON s.key = r.signature
LEFT JOIN models m ON m.key = s.model
LEFT JOIN recurrent_cells k ON k.cell = m.cell
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
COMMENT ON COLUMN marginal_recall.part IS 'What is read of a recognizer.';
COMMENT ON COLUMN marginal_recall.state IS 'State read: c, h or context.';
COMMENT ON COLUMN marginal_recall.half IS 'Of a bidirectional layer: both halves or forward.';
COMMENT ON COLUMN marginal_recall.alignment IS 'How a symbol finds its moment in speech.';
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
COMMENT ON COLUMN marginal_recall.ms IS 'Mean time from the symbol to the state, in milliseconds of speech.';

CREATE OR REPLACE MACRO signature_matrix(key_) AS TABLE
SELECT
    r.lag, r.symbol, r.n, r.correct, r.accuracy, r.low, r.high, r.bits, r.majority, r."current",
    r.precision, u.accuracy AS untrained, r.ms
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

-- The noise of a cell moves |difference| upward, in a replicate once more than in the measurement.
-- So the interval is the basic bootstrap one, the replicates mirrored at the distance itself.
CREATE OR REPLACE MACRO distance_interval(a, b) AS TABLE
WITH cells AS (
    SELECT
        x.lag, x.symbol, x.accuracy - y.accuracy AS difference, x.n + y.n AS weight,
        v.accuracies AS a_draws, w.accuracies AS b_draws
    FROM recall x
    JOIN recall y ON y.lag = x.lag AND y.symbol = x.symbol
    JOIN draws v ON v.signature = x.signature AND v.lag = x.lag AND v.symbol = x.symbol
    JOIN draws w ON w.signature = y.signature AND w.lag = y.lag AND w.symbol = y.symbol
    WHERE x.signature = a AND y.signature = b AND x.lag > 0 AND x.accuracy - y.accuracy IS NOT NULL
), replicates AS (
    SELECT difference, weight, unnest(a_draws) - unnest(b_draws) AS drawn,
           generate_subscripts(a_draws, 1) AS replicate
    FROM cells
), by_replicate AS (
    SELECT replicate, sum(weight * abs(drawn)) / sum(weight) AS distance,
           sum(weight * abs(drawn - difference)) / sum(weight) AS noise
    FROM replicates WHERE drawn IS NOT NULL GROUP BY replicate
), measured AS (
    SELECT sum(weight * abs(difference)) / sum(weight) AS distance, count(*) AS cells FROM cells
)
SELECT
    any_value(m.distance) AS distance,
    greatest(2 * any_value(m.distance) - quantile_cont(r.distance, 0.975), 0) AS low,
    2 * any_value(m.distance) - quantile_cont(r.distance, 0.025) AS high,
    avg(r.noise) AS by_chance, any_value(m.cells) AS cells
FROM by_replicate r, measured m;
COMMENT ON MACRO TABLE distance_interval IS 'distance_interval(a, b): their distance with its 95 % bootstrap interval, and how far apart noise alone would put them.';
