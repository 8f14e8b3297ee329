-- The signature database: base tables, then the views and macros built on them.
-- Every statement can run again on a database that has it already. The lines with three dashes
-- become the comments in the database (core.schema) and docs/tables.md (scripts/tables.py).

--- Texts and speech that models are trained on and signatures are measured on.
CREATE TABLE IF NOT EXISTS corpora (
    key VARCHAR PRIMARY KEY, --- Hash of its segments and split, by which specs name it; of speech, key of its spec.
    name VARCHAR NOT NULL, --- Name shown to people; not unique.
    segment VARCHAR, --- What one segment is: line, sentence, speech, paragraph or utterance.
    segments BIGINT, --- Number of segments in all splits.
    symbols BIGINT, --- Number of symbols in all splits.
    train_symbols BIGINT, --- Number of symbols in the train split.
    dev_symbols BIGINT, --- Number of symbols in the dev split.
    test_symbols BIGINT, --- Number of symbols in the test split.
    sample VARCHAR, --- The first few segments, as text.
    added TIMESTAMP, --- When the corpus was stored (UTC).
    kind VARCHAR, --- text or speech.
    hours DOUBLE, --- Hours of speech in all splits; NULL for text.
    skipped VARCHAR[], --- Utterances left out, each with the reason; NULL for text.
    seconds DOUBLE, --- Seconds it took to make; NULL for text.
    machine VARCHAR, --- Description of the machine; NULL for text.
    spec VARCHAR, --- The spec of a speech corpus as JSON; NULL for text.
    kept DOUBLE, --- Share of the letters of a text of one's own that the paper's alphabet has or spells, or of its characters or words that its own alphabet has (0 to 1); NULL for others.
    characters VARCHAR, --- Characters of the text's own alphabet, in order, after which <s>, </s> and <unk> follow; NULL for the paper's 34 symbols and for words.
    words INTEGER --- Number of words in the alphabet of a corpus of words, after which <s>, </s> and <unk> follow; NULL for characters.
);
UPDATE corpora SET kind = 'text' WHERE kind IS NULL;  -- rows from before there was speech

--- Units of sound: codebooks of log-mel frames, which speech is recalled by.
CREATE TABLE IF NOT EXISTS codebooks (
    key VARCHAR PRIMARY KEY, --- Key of the codebook spec.
    corpus VARCHAR NOT NULL, --- Key of the speech corpus whose train split it was fitted on.
    units INTEGER, --- Number of units, which are the centers of k-means.
    frames BIGINT, --- Frames it was fitted on.
    explained DOUBLE, --- Share of the variance of these frames that their units explain (0 to 1).
    seed BIGINT, --- Seed of the first centers.
    seconds DOUBLE, --- Seconds it took.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When it was done (UTC).
    spec VARCHAR --- The codebook spec as JSON.
);

--- What each unit of sound is, by the frames that its codebook was fitted on.
CREATE TABLE IF NOT EXISTS units (
    codebook VARCHAR NOT NULL, --- Key of the codebook.
    unit VARCHAR NOT NULL, --- Name of the unit, u00 being the quietest; it stands in the columns symbol, truth and guess of signatures.
    n BIGINT, --- Frames that are nearest to it.
    share DOUBLE, --- Share of all frames.
    ms DOUBLE, --- Mean time that it goes on for, in milliseconds; NULL where it never occurs.
    level DOUBLE, --- Mean of its log-mel energies, natural logarithms.
    hertz DOUBLE --- Middle of the band in which it is loudest.
);

--- The recurrent cells that the program knows.
--- cell: Name in specs and tables.
--- label: Name for people.
--- place: Place in every list.
--- state: State that is read by default.
CREATE OR REPLACE VIEW recurrent_cells AS
SELECT * FROM (VALUES {cells}) AS facts(cell, label, place, state);

--- Frozen models, trained or left untrained as a floor.
CREATE TABLE IF NOT EXISTS models (
    key VARCHAR PRIMARY KEY, --- Key of the model spec.
    kind VARCHAR NOT NULL, --- Kind of model: char_lm, ngram, imported for one trained elsewhere, las (a speech recognizer), factorized (of two corpora, with or without bases), kernel (part of a factorized one) or pruned.
    title VARCHAR, --- What it is, in words, such as GRU [1,80] on shakespeare.
    cell VARCHAR, --- Recurrent cell, such as lstm, gru, or a recognizer's blstm (bidirectional).
    layers INTEGER, --- Number of stacked recurrent layers.
    hidden INTEGER, --- Units per layer, of a bidirectional one in each direction.
    ngram_order INTEGER, --- Order of an n-gram; NULL for a network.
    corpus VARCHAR, --- Key of the corpus it was trained on; NULL for a mix, or for one trained elsewhere.
    parent VARCHAR, --- Key of the model it started from or was made of; NULL for fresh weights.
    trained BOOLEAN, --- False for a network at its initial weights.
    profile VARCHAR, --- Profile that set the training budget: smoke, laptop, desk or paper.
    seed BIGINT, --- Seed of the initial weights and of training.
    parameters BIGINT, --- Number of weights, of an n-gram of its n-grams.
    keep DOUBLE, --- Keep probability of its dropout, chosen on dev.
    dev_perplexity DOUBLE, --- Perplexity per predicted symbol on the dev split.
    test_perplexity DOUBLE, --- Perplexity per predicted symbol on the test split.
    cer DOUBLE, --- Character error rate of a recognizer on the test split, spelling greedily.
    wer DOUBLE, --- Word error rate of a recognizer on the test split.
    monotone DOUBLE, --- Share of the moves of a recognizer's attention that do not go back in time, on the test split.
    train_symbols BIGINT, --- Training symbols seen, repeats counted.
    epochs DOUBLE, --- Epochs it was trained, each of as many symbols as its budget says.
    seconds DOUBLE, --- Seconds of training.
    device VARCHAR, --- Device it was trained on: cpu or the name of a GPU.
    threads INTEGER, --- CPU threads used.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When training ended (UTC).
    spec VARCHAR --- The model spec as JSON.
);

--- How each training run went, one row per evaluation.
CREATE TABLE IF NOT EXISTS training_curve (
    model VARCHAR NOT NULL, --- Key of the model.
    keep DOUBLE, --- Keep probability of this run.
    epoch DOUBLE, --- Epochs so far.
    symbols BIGINT, --- Training symbols seen so far.
    train_bits DOUBLE, --- Mean cross-entropy since the row before, in bits per symbol.
    dev_perplexity DOUBLE, --- Perplexity on the dev split at this point.
    dev_cer DOUBLE, --- Character error rate of a recognizer on the dev split at this point.
    learning_rate DOUBLE, --- Learning rate at this point.
    seconds DOUBLE --- Seconds of training so far.
);

--- Forward accuracy: how often a model predicts the next symbol right.
CREATE TABLE IF NOT EXISTS predictions (
    model VARCHAR NOT NULL, --- Key of the model.
    corpus VARCHAR NOT NULL, --- Key of the corpus whose test split was predicted.
    symbol VARCHAR, --- True next symbol; NULL for all symbols together.
    n BIGINT, --- Test positions counted.
    correct BIGINT, --- Positions predicted right.
    accuracy DOUBLE, --- correct / n.
    low DOUBLE, --- Lower end of the 95 % bootstrap interval of accuracy; NULL where fewer than 20 segments hold the cell.
    high DOUBLE, --- Upper end of that interval.
    draws FLOAT[] --- Accuracy in bootstrap replicates.
);

--- Memory signatures: one row per model, layer, state, corpus and decoder.
CREATE TABLE IF NOT EXISTS signatures (
    key VARCHAR PRIMARY KEY, --- Key of the signature spec.
    model VARCHAR NOT NULL, --- Key of the model whose state is read.
    layer INTEGER, --- Recurrent layer read, 1 being nearest the input; NULL where that has no number.
    part VARCHAR, --- What is read of a recognizer: encoder 1 and so on, query, context, or log-mel; NULL for others.
    state VARCHAR, --- State read: c (LSTM cell), h (output) or context (n-gram); NULL where there is no choice.
    half VARCHAR, --- Of a recognizer's bidirectional layer: both halves or forward; NULL elsewhere.
    alignment VARCHAR, --- How a symbol finds its moment in speech: attention, ctc or words; NULL for units, whose moments are known.
    corpus VARCHAR, --- Key of the corpus it was measured on.
    decoder VARCHAR, --- Decoder: mlp, linear for the preview, exact (n-gram), or added: an mlp that starts from the recent floor, whose rows are in the table added.
    target VARCHAR DEFAULT 'symbol', --- What is recalled: symbol, class, bigram, trigram or word, or of speech unit; the labels stand in the columns symbol, truth and guess.
    codebook VARCHAR, --- Key of the codebook whose units are recalled; NULL for other targets.
    width INTEGER, --- Hidden units of a decoder; 0 for the linear and the exact one.
    depth INTEGER, --- Hidden layers of a decoder.
    min_lag INTEGER, --- Smallest lag, below zero where decoders also look ahead; NULL is 0.
    max_lag INTEGER, --- Largest lag.
    keeps DOUBLE[], --- Keep probability chosen on dev for each lag, from the smallest on.
    profile VARCHAR, --- Profile that set the decoder budget: smoke, laptop, desk or paper; followed by how many rounds more or fewer its decoders had, if not as many.
    seed BIGINT, --- Seed of the decoders.
    parameters BIGINT, --- Number of weights of one decoder.
    untrained VARCHAR, --- Key of the same signature of the untrained network.
    train_states BIGINT, --- States the decoders were trained on.
    dev_states BIGINT, --- States the decoders were chosen on.
    test_states BIGINT, --- States the recalls were measured on.
    seconds DOUBLE, --- Seconds it took, the model not counted.
    device VARCHAR, --- Device the decoders were trained on.
    threads INTEGER, --- CPU threads used.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When it was done (UTC).
    spec VARCHAR --- The signature spec as JSON.
);

--- Recall of every signature by lag and true symbol, with its floors.
CREATE TABLE IF NOT EXISTS recall (
    signature VARCHAR NOT NULL, --- Key of the signature.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks, of units frames of 10 ms; 0 is the symbol just read, below zero is still to come.
    symbol VARCHAR, --- True symbol at that lag; NULL for all symbols together.
    n BIGINT, --- Test positions counted.
    correct BIGINT, --- Positions decoded right.
    accuracy DOUBLE, --- Recall: correct / n.
    low DOUBLE, --- Lower end of the 95 % bootstrap interval of accuracy; NULL where fewer than 20 segments hold the cell.
    high DOUBLE, --- Upper end of that interval.
    bits DOUBLE, --- Recalled bits: entropy of the symbol less cross-entropy of the decoder.
    majority DOUBLE, --- Floor: recall of always guessing the most frequent symbol.
    "current" DOUBLE, --- Floor: recall of the best guess from the current symbol alone.
    precision DOUBLE, --- Share of the positions decoded as this symbol that were right.
    ms DOUBLE, --- Mean time from the symbol to the state, in milliseconds of speech; NULL for text.
    rising DOUBLE --- What the last doubling of the decoders' training added to accuracy; NULL where they were trained once.
);

--- Recall of every signature by lag and by where in its segment the recalled symbol stands, all symbols together.
CREATE TABLE IF NOT EXISTS positions (
    signature VARCHAR NOT NULL, --- Key of the signature.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks.
    place INTEGER NOT NULL, --- First of the places counted together, 1 being a segment's first symbol (of units the first step of the recognizer's last encoder layer): 1, 2, 3, 4 to 5, 6 to 10, 11 to 20, 21 and later.
    n BIGINT NOT NULL, --- Test positions counted.
    correct BIGINT NOT NULL, --- Positions decoded right.
    accuracy DOUBLE --- Recall: correct / n.
);

--- Memory beyond inference: what decoders that start from the recent floor add to it.
CREATE TABLE IF NOT EXISTS added (
    signature VARCHAR NOT NULL, --- Key of the signature; its decoder is `added`.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks; 0 is the symbol just read, below zero is still to come.
    symbol VARCHAR, --- True symbol at that lag; NULL for all symbols together.
    n BIGINT, --- Test positions counted.
    floor DOUBLE, --- Accuracy of the recent floor: the best guess from the more recent symbols alone.
    floor_bits DOUBLE, --- Cross-entropy of the recent floor, in bits per symbol.
    bits DOUBLE, --- Cross-entropy of the decoder, which starts from that floor.
    added DOUBLE, --- Added bits: floor_bits less bits.
    low DOUBLE, --- Lower end of the 95 % bootstrap interval of added; NULL where fewer than 20 segments hold the symbol.
    high DOUBLE, --- Upper end of that interval.
    rising DOUBLE --- What the last doubling of the decoders' training has added, in bits; NULL where they were trained once.
);

--- How recall on dev rose while decoders were trained, a row for each decoder and round.
CREATE TABLE IF NOT EXISTS decoder_rounds (
    signature VARCHAR NOT NULL, --- Key of the signature.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks.
    keep DOUBLE, --- Its keep probability.
    width INTEGER, --- Its hidden units.
    steps INTEGER, --- Minibatches that it had been trained on.
    recall DOUBLE, --- Recall on dev.
    bits DOUBLE --- Cross-entropy on dev, in bits.
);

--- Recall in bootstrap replicates; place i of two signatures tested on the same segments is the same replicate.
CREATE TABLE IF NOT EXISTS draws (
    signature VARCHAR NOT NULL, --- Key of the signature.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks.
    symbol VARCHAR, --- True symbol at that lag; NULL for all symbols together.
    accuracies FLOAT[] --- Recall in each replicate; NULL where it holds no such position.
);

--- What decoders answered for each true symbol; pairs that never occurred have no row.
CREATE TABLE IF NOT EXISTS confusion (
    signature VARCHAR NOT NULL, --- Key of the signature.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks.
    truth VARCHAR NOT NULL, --- True symbol at that lag.
    guess VARCHAR NOT NULL, --- Symbol the decoder answered.
    n BIGINT NOT NULL --- Test positions with this pair.
);

--- Perplexity of a model, or of several interpolated, on a corpus.
CREATE TABLE IF NOT EXISTS perplexities (
    key VARCHAR PRIMARY KEY, --- Key of the mixture spec.
    title VARCHAR, --- The models, in words.
    corpus VARCHAR, --- Key of the corpus that was scored.
    members VARCHAR[], --- Keys of the models.
    weights DOUBLE[], --- Their interpolation weights, fitted on dev.
    dev_perplexity DOUBLE, --- Perplexity per predicted symbol on the dev split.
    test_perplexity DOUBLE, --- Perplexity per predicted symbol on the test split.
    test_symbols BIGINT, --- Symbols predicted on the test split.
    profile VARCHAR, --- Profile that set how much was scored.
    seconds DOUBLE, --- Seconds of scoring.
    device VARCHAR, --- Device it was scored on.
    threads INTEGER, --- CPU threads used.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When it was done (UTC).
    spec VARCHAR, --- The mixture spec as JSON.
    draws FLOAT[] --- Test perplexity in bootstrap replicates; place i is the same replicate for all models scored on the same text.
);

--- Linear signatures of all bases of a factorized model: one row each for the whole and for every row of its map.
CREATE TABLE IF NOT EXISTS atlases (
    key VARCHAR PRIMARY KEY, --- Key of the atlas spec.
    model VARCHAR NOT NULL, --- Key of the factorized model.
    corpus VARCHAR, --- Key of the corpus whose text the bases were measured on.
    first VARCHAR, --- First symbol of the bases in this row of the map; NULL for the whole.
    corpus_1 VARCHAR, --- Key of the first corpus of the mix the model was trained on.
    corpus_2 VARCHAR, --- Key of the second corpus of the mix.
    bases INTEGER, --- Number of bases measured.
    strength DOUBLE, --- The fixed λ of each basis and control.
    max_lag INTEGER, --- Largest lag.
    profile VARCHAR, --- Profile that set how much text it was measured on.
    seed BIGINT, --- Seed of the text drawn and of the controls.
    train_states BIGINT, --- States the linear decoders were trained on.
    dev_states BIGINT, --- States their round of training was chosen on.
    test_states BIGINT, --- States the recalls were measured on.
    rising DOUBLE, --- What the last doubling of the decoders' training added to the total recall of a basis, mean over bases; NULL of a row of the map.
    rising_before DOUBLE, --- What the doubling before had added.
    seconds DOUBLE, --- Seconds it took.
    device VARCHAR, --- Device it was computed on.
    threads INTEGER, --- CPU threads used.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When it was done (UTC).
    spec VARCHAR --- The atlas spec as JSON.
);

--- The rank-one bases of factorized models, one per bigram, as their atlas measured them.
CREATE TABLE IF NOT EXISTS bases (
    atlas VARCHAR NOT NULL, --- Key of the whole atlas.
    model VARCHAR NOT NULL, --- Key of the factorized model.
    first VARCHAR NOT NULL, --- First symbol of the bigram.
    second VARCHAR NOT NULL, --- Second symbol of the bigram.
    bigram VARCHAR, --- The bigram: both symbols together.
    number INTEGER, --- 34 × number of the first symbol + number of the second, as in λ.
    norm DOUBLE, --- Norm of u vᵀ, the basis without its λ.
    count_1 BIGINT, --- How often the bigram occurs in the training text of the first corpus.
    count_2 BIGINT, --- How often it occurs in the training text of the second corpus.
    lambda_1 DOUBLE, --- Mean λ over the training text of the first corpus.
    lambda_2 DOUBLE, --- Mean λ over the training text of the second corpus.
    recall DOUBLE, --- Total recall: marginal recall of the basis alone, mean over lags 1 to the largest.
    rising DOUBLE, --- recall less that of decoders trained half as long.
    control DOUBLE, --- Total recall of a random rank-one kernel of equal norm.
    above_control DOUBLE, --- recall − control.
    own DOUBLE, --- Recall of the bigram's own symbols, mean over both and over lags 1 to the largest; NULL if the test text has neither.
    drop_1 DOUBLE, --- Rise of dev perplexity on the first corpus when the basis is left out.
    drop_2 DOUBLE, --- Rise of dev perplexity on the second corpus when the basis is left out.
    drop_n_1 BIGINT, --- Symbols of the first corpus it was measured on.
    drop_n_2 BIGINT --- Symbols of the second corpus it was measured on.
);

--- Recall of every basis of an atlas by lag and true symbol, by linear decoders.
CREATE TABLE IF NOT EXISTS basis_recall (
    atlas VARCHAR NOT NULL, --- Key of the whole atlas.
    kernel VARCHAR NOT NULL, --- What ran alone: basis, control (random, of equal norm), base (W₀) or full (λ at its mean).
    first VARCHAR, --- First symbol of the bigram; NULL for base and full.
    second VARCHAR, --- Second symbol of the bigram; NULL for base and full.
    lag INTEGER NOT NULL, --- Steps back that the decoder looks; 0 is the symbol just read.
    symbol VARCHAR, --- True symbol at that lag; NULL for all symbols together, the only rows of a control.
    n BIGINT, --- Test positions counted.
    correct BIGINT, --- Positions decoded right.
    accuracy FLOAT, --- Recall: correct / n.
    rising FLOAT --- accuracy less that of decoders trained half as long; NULL of one symbol.
);

--- What only the whole atlas tells of each basis: its place among the others.
CREATE TABLE IF NOT EXISTS basis_order (
    atlas VARCHAR NOT NULL, --- Key of the whole atlas.
    first VARCHAR NOT NULL, --- First symbol of the bigram.
    second VARCHAR NOT NULL, --- Second symbol of the bigram.
    place INTEGER, --- Place when ordered by likeness of signatures, from 0: neighbors are alike.
    cluster INTEGER, --- Cluster the basis belongs to, from 1.
    own_others DOUBLE, --- What all other bases recall of the bigram's own symbols, on the mean.
    own_rank DOUBLE --- Share of the other bases that recall those symbols worse, half of ties counted.
);

--- What the paper says of the bases, as numbers of a whole atlas.
CREATE TABLE IF NOT EXISTS basis_claims (
    atlas VARCHAR NOT NULL, --- Key of the whole atlas.
    claim VARCHAR NOT NULL, --- Name of the claim.
    meaning VARCHAR, --- What was measured, in one sentence.
    value DOUBLE, --- The number.
    reference DOUBLE, --- What it is held against, such as the control's.
    effect DOUBLE, --- Effect size, where there is a test.
    low DOUBLE, --- Lower end of the 95 % interval of the effect, over symbols.
    high DOUBLE, --- Upper end of that interval.
    p DOUBLE, --- Its p value.
    n BIGINT, --- How many bases, or pairs of them, it rests on.
    before DOUBLE --- The effect by decoders trained half as long.
);

--- Networks that say whether each frequent word was read before in the segment, from the states at the ends of words.
CREATE TABLE IF NOT EXISTS detectors (
    key VARCHAR PRIMARY KEY, --- Key of the detector spec.
    model VARCHAR NOT NULL, --- Key of the model.
    layer INTEGER NOT NULL, --- Recurrent layer read, 1 next to the input.
    state VARCHAR NOT NULL, --- State read: c or h.
    corpus VARCHAR NOT NULL, --- Key of the corpus it was measured on.
    words INTEGER, --- The most frequent words, so many of them, have a detector.
    width INTEGER, --- Units of the hidden layer.
    false_alarms DOUBLE, --- Share of the dev positions without a word at which its detector says yes: its threshold makes it so.
    max_lag INTEGER, --- Up to how many words ago hits are counted.
    rising DOUBLE, --- What the last doubling of the training added to the share of hits on dev, mean over words.
    untrained VARCHAR, --- Key of the detectors of the untrained network, the control for what training does.
    train_states BIGINT, --- States that they were trained on.
    dev_states BIGINT, --- States that thresholds were chosen on.
    test_states BIGINT, --- States that they were measured on.
    profile VARCHAR, --- Profile, with the rounds short of it.
    seed BIGINT, --- Seed of model and detectors.
    seconds DOUBLE, --- Seconds it took.
    device VARCHAR, --- Device it was computed on.
    threads INTEGER, --- CPU threads used.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When it was done (UTC).
    spec VARCHAR --- The detector spec as JSON.
);

--- How often detectors say that a word was read, on the test split.
CREATE TABLE IF NOT EXISTS hits (
    detectors VARCHAR NOT NULL, --- Key of the detectors.
    word VARCHAR, --- The word; NULL for all words together.
    ago INTEGER, --- How many words ago it was last read in the segment, 0 = just now; NULL where it was not, so that these are false alarms.
    n BIGINT, --- Positions, of all words together pairs of a position and a word.
    yes BIGINT, --- Those at which the detector says that it was read.
    rate DOUBLE, --- Their share.
    low DOUBLE, --- Lower end of its 95 % interval, which covers the test text (bootstrap over segments); NULL where fewer than 20 segments hold one.
    high DOUBLE, --- Upper end of that interval.
    guess DOUBLE --- The same share of detectors that read no state: only how many words were read, and the last of them.
);

--- Orders in which the bases of a model are pruned, one row per rule and target.
CREATE TABLE IF NOT EXISTS prunings (
    key VARCHAR PRIMARY KEY, --- Key of the pruning spec.
    atlas VARCHAR NOT NULL, --- Key of the whole atlas it goes by.
    model VARCHAR NOT NULL, --- Key of the factorized model.
    target VARCHAR, --- Key of the corpus that the pruned model is meant for.
    rule VARCHAR, --- Rule: recall, norm, lambda, leave-one-out, or random as the baseline.
    profile VARCHAR, --- Profile that set how much was scored.
    seed BIGINT, --- Seed of the random rule.
    seconds DOUBLE, --- Seconds it took.
    device VARCHAR, --- Device it was computed on.
    threads INTEGER, --- CPU threads used.
    machine VARCHAR, --- Description of the machine.
    created TIMESTAMP, --- When it was done (UTC).
    spec VARCHAR --- The pruning spec as JSON.
);

--- Which bases a pruning keeps longest.
CREATE TABLE IF NOT EXISTS pruning_order (
    pruning VARCHAR NOT NULL, --- Key of the pruning.
    first VARCHAR NOT NULL, --- First symbol of the bigram.
    second VARCHAR NOT NULL, --- Second symbol of the bigram.
    place INTEGER NOT NULL, --- Place in the order, from 1: the first `kept` places are kept.
    score DOUBLE --- What the rule goes by; the largest are kept.
);

--- Test perplexity of a pruned model by the number of bases kept.
CREATE TABLE IF NOT EXISTS pruning_curve (
    pruning VARCHAR NOT NULL, --- Key of the pruning.
    corpus VARCHAR NOT NULL, --- Key of the corpus that was scored.
    kept INTEGER NOT NULL, --- Bases kept.
    perplexity DOUBLE, --- Perplexity per predicted symbol on a part of the test split.
    n BIGINT --- Symbols predicted.
);

--- Work that was asked for, one row per attempt, and what was added or deleted by hand.
CREATE TABLE IF NOT EXISTS jobs (
    key VARCHAR, --- Key of the spec that was computed.
    attempt INTEGER, --- Number of the attempt, from 1.
    title VARCHAR, --- What it computed, for people.
    who VARCHAR, --- Who asked first.
    asked TIMESTAMP, --- When it was asked for (UTC).
    started TIMESTAMP, --- When work began (UTC).
    ended TIMESTAMP, --- When it ended (UTC).
    seconds DOUBLE, --- Seconds of work.
    outcome VARCHAR, --- How it ended: done, failed, cancelled or interrupted; added or deleted by hand.
    reason VARCHAR, --- Why it failed, or who cancelled it; else NULL.
    device VARCHAR, --- Device it ran on.
    PRIMARY KEY (key, attempt)
);

--- Results that came with the program; one that is computed here takes the place of the shipped one.
CREATE TABLE IF NOT EXISTS shipped (
    key VARCHAR PRIMARY KEY, --- Key of the result.
    command VARCHAR, --- The command that computed it.
    machine VARCHAR, --- Description of the machine it was exported on.
    made TIMESTAMP, --- When it was exported (UTC).
    packages VARCHAR --- Versions of the packages it was computed with, as JSON.
);

--- Results of an earlier version of some stage: asked for again, they would get another key.
CREATE TABLE IF NOT EXISTS earlier (
    key VARCHAR PRIMARY KEY --- Key of the result.
);

--- Models and mixtures whose training had not come to its end: the best dev perplexity (of a recognizer, dev CER) still fell by more than 1 % in the last fifth of the epochs, or there were fewer than five.
--- key: Key of the model, or of the mixture.
--- epochs: Epochs with the selected keep probability.
--- fall: By what share the best dev value fell in the last fifth of them; NULL with fewer than five.
CREATE OR REPLACE VIEW unfinished AS
WITH curves AS (  -- of the selected keep probability; a recognizer has one only
    SELECT m.key, c.epoch, coalesce(c.dev_perplexity, c.dev_cer) AS dev,
           max(c.epoch) OVER (PARTITION BY m.key) AS epochs
    FROM models m LEFT JOIN training_curve c ON c.model = m.key AND coalesce(c.keep = m.keep, true)
    WHERE m.trained AND m.kind IN ('char_lm', 'factorized', 'las')
), networks AS (
    SELECT key, count(dev) AS epochs,
           CASE WHEN count(dev) >= 5
               THEN 1 - min(dev) / min(dev) FILTER (epoch <= 0.8 * epochs) END AS fall
    FROM curves GROUP BY key
    HAVING coalesce(fall > 0.01, true)
), made AS (  -- and what is made of them
    SELECT key, epochs, fall FROM networks
    UNION ALL
    SELECT m.key, n.epochs, n.fall
    FROM models m JOIN networks n ON n.key = m.parent
    WHERE m.kind IN ('kernel', 'pruned')
)
SELECT key, epochs, fall FROM made
UNION ALL
SELECT p.key, min(m.epochs), max(m.fall)
FROM perplexities p JOIN made m ON list_contains(p.members, m.key)
GROUP BY p.key;

--- Seconds that each result took, without what it was computed from; NULL where they were not recorded.
--- key: Key of the result.
--- kind: networks: their training; decoders: their training, with the states they read and measuring; rest: n-grams, perplexities, pruning, single kernels, speech corpora, codebooks.
--- profile: Profile of the result; NULL for a speech corpus or a codebook.
--- machine: Description of the machine.
--- device: Device: cpu or the name of a GPU; NULL for a speech corpus or a codebook.
--- seconds: Seconds by the clock on the wall.
CREATE OR REPLACE VIEW times AS
SELECT key, CASE WHEN kind IN ('char_lm', 'factorized', 'las') THEN 'networks' ELSE 'rest' END AS kind,
       profile, machine, device, seconds
FROM models WHERE trained AND kind <> 'imported'
UNION ALL
SELECT key, 'decoders', split_part(profile, ',', 1), machine, device, seconds FROM signatures
UNION ALL
SELECT key, 'decoders', profile, machine, device, seconds FROM atlases
UNION ALL
SELECT key, 'rest', profile, machine, device, seconds FROM perplexities
UNION ALL
SELECT key, 'rest', profile, machine, device, seconds FROM prunings
UNION ALL
SELECT key, 'decoders', split_part(profile, ',', 1), machine, device, seconds FROM detectors
UNION ALL
SELECT key, 'rest', NULL, machine, NULL, seconds FROM corpora WHERE kind = 'speech'
UNION ALL
SELECT key, 'rest', NULL, machine, NULL, seconds FROM codebooks;

-- The 97.5th percentile of Student's t with n - 1 degrees of freedom, as scipy computes it (a test
-- compares); of more than 30 the last.
CREATE OR REPLACE MACRO student_t(n) AS [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045
][least(n - 1, 29)];

-- Half of the 95 % interval of the mean of n networks (docs/method.md, Intervals). Test text and
-- networks are drawn independently, so their half widths add as squares.
-- text: the half that the bootstrap over test segments gives, the mean of the networks'; it does not
-- shrink with n, for they are tested on texts that overlap. spread: their standard deviation.
CREATE OR REPLACE MACRO half_width(text, spread, n) AS
    sqrt(text ** 2 + CASE WHEN n > 1 THEN student_t(n) ** 2 * spread ** 2 / n ELSE 0 END);

--- Recall over all symbols, or all labels of another target, by signature and lag, with its floors.
--- signature: Key of the signature.
--- model: Key of the model.
--- title: The model in words, with what it was trained on.
--- name: The model in short, such as GRU [1,80].
--- kind: Kind of model.
--- cell: Recurrent cell.
--- layers: Number of stacked recurrent layers.
--- hidden: Units per layer.
--- trained: False for a network at its initial weights.
--- parameters: Number of weights of the model.
--- model_corpus: Name of the corpus the model was trained on.
--- corpus: Name of the corpus the signature was measured on.
--- layer: Recurrent layer read.
--- part: What is read of a recognizer.
--- state: State read: c, h or context.
--- half: Of a bidirectional layer: both halves or forward.
--- alignment: How a symbol finds its moment in speech; NULL for units.
--- decoder: Decoder: mlp, linear or exact.
--- target: What is recalled: symbol, class, bigram, trigram, word or unit.
--- profile: Profile of the decoder budget.
--- seed: Seed of the decoders.
--- lag: Steps back that the decoder looks.
--- n: Test positions counted.
--- accuracy: Marginal recall: share of positions decoded right.
--- low: Lower end of its 95 % interval.
--- high: Upper end of its 95 % interval.
--- bits: Recalled bits.
--- majority: Floor: the most frequent symbol.
--- current: Floor: the best guess from the current symbol alone.
--- untrained: Floor: the same decoders on the untrained network.
--- ms: Mean time from the symbol to the state, in milliseconds of speech.
CREATE OR REPLACE VIEW target_recall AS
SELECT
    r.signature, s.model, m.title,
    CASE WHEN m.kind IN ('factorized', 'kernel', 'pruned')
        THEN regexp_replace(m.title, ',? on .*', '')
        ELSE coalesce(
            CASE WHEN m.kind = 'las' THEN 'LAS' ELSE coalesce(k.label, m.cell) END || ' [' || m.layers || ',' || m.hidden || ']',
            m.ngram_order || '-gram'
        ) END AS name,
    m.kind, m.cell, m.layers, m.hidden, m.trained, m.parameters,
    learned.name AS model_corpus, measured.name AS corpus,
    s.layer, s.part, s.state, s.half, s.alignment, s.decoder, s.target,
    s.profile, s.seed, r.lag, r.n,
    r.accuracy, r.low, r.high, r.bits, r.majority, r."current", u.accuracy AS untrained, r.ms
FROM recall r
JOIN signatures s ON s.key = r.signature
LEFT JOIN models m ON m.key = s.model
LEFT JOIN recurrent_cells k ON k.cell = m.cell
LEFT JOIN corpora learned ON learned.key = m.corpus
LEFT JOIN corpora measured ON measured.key = s.corpus
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag AND u.symbol IS NULL
WHERE r.symbol IS NULL;

--- Recall over all symbols by lag, with model, corpus and every floor.
--- *: target_recall
CREATE OR REPLACE VIEW marginal_recall AS
FROM target_recall WHERE target = 'symbol';

--- Memory beyond inference in all: added bits of a signature, summed over lags from 0 on.
--- signature: Key of the signature; its decoder is `added`.
--- model: Key of the model.
--- title: The model in words, with what it was trained on.
--- layer: Recurrent layer read.
--- part: What is read of a recognizer.
--- state: State read: c, h or context.
--- corpus: Name of the corpus the signature was measured on.
--- profile: Profile of the decoder budget.
--- seed: Seed of the decoders.
--- max_lag: Last lag of the sums.
--- added: Sum of the added bits over lags 0 to max_lag: what the state tells of the symbol just read and the max_lag before it together.
--- earlier: The same without lag 0, the symbol just read.
--- rising: Sum of what the last doubling of the training added.
CREATE OR REPLACE VIEW added_bits AS
SELECT
    a.signature, s.model, m.title, s.layer, s.part, s.state, c.name AS corpus, s.profile, s.seed,
    max(a.lag) AS max_lag, sum(a.added) AS added,
    coalesce(sum(a.added) FILTER (a.lag > 0), 0) AS earlier, sum(a.rising) AS rising
FROM added a
JOIN signatures s ON s.key = a.signature
LEFT JOIN models m ON m.key = s.model
LEFT JOIN corpora c ON c.key = s.corpus
WHERE a.symbol IS NULL AND a.lag >= 0
GROUP BY ALL;

--- Where the recent floor of a signature of symbols stands: in the rows of the table added that were measured on its text.
--- signature: Key of the signature.
--- added: Key of the signature in the table added, the newest of the same text, profile and seed; its network is any, for a floor has none.
CREATE OR REPLACE VIEW recent_floors AS
WITH texts AS (
    SELECT corpus, split_part(profile, ',', 1) AS profile, seed, alignment,
           arg_max(key, created) AS added
    FROM signatures WHERE decoder = 'added'
    GROUP BY ALL
)
SELECT s.key AS signature, t.added
FROM signatures s
JOIN texts t ON t.corpus = s.corpus AND t.profile = split_part(s.profile, ',', 1)
    AND t.seed = s.seed AND t.alignment IS NOT DISTINCT FROM s.alignment
WHERE s.decoder <> 'added' AND s.target = 'symbol';

-- Whether a cell's recall is no better than a guess, by its 95 % interval, or has no interval. A
-- guesser that always answers one symbol recalls all of it, so a decoder's recall of that symbol says
-- nothing, and its precision has to be above the symbol's share at its lag (binomial interval).
CREATE OR REPLACE MACRO at_guess_level(lag_, n_, accuracy_, low_, precision_, majority_, current_, share_) AS CASE
    WHEN majority_ >= 1 AND precision_ > 0
        THEN precision_ - 1.96 * sqrt(precision_ * (1 - precision_) / greatest(n_ * accuracy_ / precision_, 1)) <= share_
    WHEN low_ IS NULL THEN true
    ELSE low_ <= greatest(coalesce(majority_, 0), CASE WHEN lag_ = 0 THEN 0 ELSE coalesce(current_, 0) END)
END;

--- Recall of every signature by lag and symbol, and whether a guess reaches it.
--- signature: Key of the signature.
--- lag: Steps back that the decoder looks.
--- symbol: True symbol at that lag.
--- n: Test positions counted.
--- correct: Positions decoded right.
--- accuracy: Recall: correct / n.
--- low: Lower end of its 95 % interval.
--- high: Upper end of its 95 % interval.
--- bits: Recalled bits.
--- majority: Floor: the most frequent symbol.
--- current: Floor: the best guess from the current symbol alone.
--- precision: Share of the positions decoded as this symbol that were right.
--- ms: Mean time from the symbol to the state, in milliseconds of speech.
--- recent: Floor: the best guess from the more recent symbols alone; NULL where that is not measured, or at other positions.
--- guess_from_current: Whether the recall is no better than the most frequent symbol or the best guess from the current one.
--- guess: The same, or no better than the recent floor, where there is one.
--- labels: What its symbols are: the target, and the characters of an alphabet that is not the paper's, or the key of a corpus of words or of a codebook. Cells of different labels are not to be compared.
CREATE OR REPLACE VIEW recall_cells AS
SELECT
    r.signature, r.lag, r.symbol, r.n, r.correct, r.accuracy, r.low, r.high, r.bits, r.majority,
    r."current", r.precision, r.ms, f.floor AS recent,
    at_guess_level(
        r.lag, r.n, r.accuracy, r.low, r.precision, r.majority, r."current",
        r.n / sum(r.n) OVER (PARTITION BY r.signature, r.lag)
    ) AS guess_from_current,
    guess_from_current OR coalesce(r.low <= f.floor, false) AS guess,
    concat_ws(' ', s.target, c.characters, CASE WHEN c.words > 0 THEN c.key END, s.codebook) AS labels
FROM recall r
LEFT JOIN signatures s ON s.key = r.signature
LEFT JOIN corpora c ON c.key = s.corpus
LEFT JOIN recent_floors t ON t.signature = r.signature
LEFT JOIN added f
    ON f.signature = t.added AND f.lag = r.lag AND f.symbol = r.symbol AND f.n = r.n
WHERE r.symbol IS NOT NULL;

--- signature_matrix(key): the symbol × lag cells of one signature, with every floor.
--- lag: Steps back that the decoder looks.
--- symbol: True symbol at that lag.
--- n: Test positions counted.
--- correct: Positions decoded right.
--- accuracy: Recall: correct / n.
--- low: Lower end of its 95 % interval.
--- high: Upper end of its 95 % interval.
--- bits: Recalled bits.
--- majority: Floor: the most frequent symbol.
--- current: Floor: the best guess from the current symbol alone.
--- precision: Share of the positions decoded as this symbol that were right.
--- untrained: Floor: the same cell of the untrained network.
--- ms: Mean time from the symbol to the state, in milliseconds of speech.
--- recent: Floor: the best guess from the more recent symbols alone; NULL where that is not measured.
--- guess_from_current: Whether the recall is no better than the most frequent symbol or the best guess from the current one.
--- guess: The same, or no better than the recent floor, where there is one.
CREATE OR REPLACE MACRO signature_matrix(key_) AS TABLE
SELECT
    r.lag, r.symbol, r.n, r.correct, r.accuracy, r.low, r.high, r.bits, r.majority, r."current",
    r.precision, u.accuracy AS untrained, r.ms, r.recent, r.guess_from_current, r.guess
FROM recall_cells r
JOIN signatures s ON s.key = r.signature
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag AND u.symbol = r.symbol
WHERE r.signature = key_
ORDER BY r.lag, r.symbol;

-- Whether a cell is no better than a guess, by floors that the other of two has too.
CREATE OR REPLACE MACRO guess_beside(guess_, from_current_, recent_of_other) AS
    CASE WHEN recent_of_other IS NULL THEN from_current_ ELSE guess_ END;

-- Whether the difference of two recalls of a cell says nothing: both are no better than a guess, or
-- it is the symbol that a guesser always answers, of which more answers alone recall more.
CREATE OR REPLACE MACRO both_guess(guess_a, majority_a, guess_b, majority_b) AS
    coalesce((guess_a OR majority_a >= 1) AND (guess_b OR majority_b >= 1), false);

--- How far apart every two signatures are, without lag 0 and cells in which both guess.
--- a: Key of the one.
--- b: Key of the other.
--- distance: Mean absolute difference of the cells, weighted by their counts; 0 means alike.
--- cells: Cells compared.
CREATE OR REPLACE VIEW signature_distances AS
SELECT
    x.signature AS a, y.signature AS b,
    sum(abs(x.accuracy - y.accuracy) * (x.n + y.n)) / sum(x.n + y.n) AS distance, count(*) AS cells
FROM recall_cells x
JOIN recall_cells y ON y.lag = x.lag AND y.symbol = x.symbol AND y.labels = x.labels
WHERE x.lag > 0 AND x.accuracy - y.accuracy IS NOT NULL
  AND NOT both_guess(
      guess_beside(x.guess, x.guess_from_current, y.recent), x.majority,
      guess_beside(y.guess, y.guess_from_current, x.recent), y.majority
  )
GROUP BY x.signature, y.signature;

--- difference(a, b): the cells of signature a less those of signature b.
--- lag: Steps back that the decoders look.
--- symbol: True symbol at that lag.
--- a: Recall in signature a.
--- b: Recall in signature b.
--- difference: a − b.
--- low: Lower end of its 95 % interval: draw by draw, as paired where both were tested on the same text; NULL where either recall has none.
--- high: Upper end of its 95 % interval.
--- significant: Whether that interval leaves out zero. Where there are no draws, or a recall of 0 or 1 has no spread, whether the intervals of the two recalls do not overlap; false where either has none, and where both are guesses.
--- n_a: Test positions counted in a.
--- n_b: Test positions counted in b.
--- guess: Whether the difference says nothing: both recalls are no better than a guess, or it is the symbol that a guesser always answers.
CREATE OR REPLACE MACRO difference(a, b) AS TABLE
WITH cells AS (
    SELECT
        x.lag, x.symbol, x.accuracy AS first, y.accuracy AS second, x.n AS n_a, y.n AS n_b,
        both_guess(
            guess_beside(x.guess, x.guess_from_current, y.recent), x.majority,
            guess_beside(y.guess, y.guess_from_current, x.recent), y.majority
        ) AS guess,
        coalesce(x.low > y.high OR y.low > x.high, false) AS apart,
        x.low IS NULL OR y.low IS NULL AS few,
        list_transform(list_zip(v.accuracies, w.accuracies), lambda d: d[1] - d[2]) AS drawn
    FROM recall_cells x
    JOIN recall_cells y ON y.lag = x.lag AND y.symbol = x.symbol AND y.labels = x.labels
    LEFT JOIN draws v ON v.signature = x.signature AND v.lag = x.lag AND v.symbol = x.symbol
    LEFT JOIN draws w ON w.signature = y.signature AND w.lag = y.lag AND w.symbol = y.symbol
    WHERE x.signature = a AND y.signature = b
), spread AS (
    SELECT
        *,
        CASE WHEN NOT few THEN list_aggregate(drawn, 'quantile_cont', 0.025) END AS low,
        CASE WHEN NOT few THEN list_aggregate(drawn, 'quantile_cont', 0.975) END AS high
    FROM cells
)
SELECT
    lag, symbol, first AS a, second AS b, first - second AS difference, low, high,
    CASE WHEN guess THEN false
         WHEN low IS NULL OR first IN (0, 1) OR second IN (0, 1) THEN apart
         ELSE low > 0 OR high < 0 END AS significant,
    n_a, n_b, guess
FROM spread
ORDER BY lag, symbol;

--- similarity(a, b): how far apart two signatures are, without lag 0 and cells in which both guess.
--- distance: Mean absolute difference of the cells, weighted by their counts; 0 means alike.
--- cells: Cells compared.
CREATE OR REPLACE MACRO similarity(a_, b_) AS TABLE
SELECT any_value(distance) AS distance, coalesce(any_value(cells), 0) AS cells
FROM signature_distances WHERE a = a_ AND b = b_;

-- The noise of a cell moves |difference| upward, in a replicate once more than in the measurement.
-- So the interval is the basic bootstrap one, the replicates mirrored at the distance itself.
--- distance_interval(a, b): their distance with its 95 % bootstrap interval, and how far apart noise alone would put them.
--- distance: As in `similarity`.
--- low: Lower end of its 95 % interval, by resampling segments alike in both.
--- high: Upper end of that interval.
--- by_chance: Distance that the sampling noise of the two would alone give.
--- cells: Cells compared.
CREATE OR REPLACE MACRO distance_interval(a, b) AS TABLE
WITH cells AS (
    SELECT
        x.lag, x.symbol, x.accuracy - y.accuracy AS difference, x.n + y.n AS weight,
        v.accuracies AS a_draws, w.accuracies AS b_draws
    FROM recall_cells x
    JOIN recall_cells y ON y.lag = x.lag AND y.symbol = x.symbol AND y.labels = x.labels
    JOIN draws v ON v.signature = x.signature AND v.lag = x.lag AND v.symbol = x.symbol
    JOIN draws w ON w.signature = y.signature AND w.lag = y.lag AND w.symbol = y.symbol
    WHERE x.signature = a AND y.signature = b AND x.lag > 0 AND x.accuracy - y.accuracy IS NOT NULL
      AND NOT both_guess(
          guess_beside(x.guess, x.guess_from_current, y.recent), x.majority,
          guess_beside(y.guess, y.guess_from_current, x.recent), y.majority
      )
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
