/* Fenced logs, and Multi-Paxos over them: grants, one-sided writes in flight, adoption of one whole log, crashes.
 *
 * README.md has the bounds, the results, what is left out, and which line here stands for which code. `run` compiles
 * and runs every configuration.
 *
 * Bounds, set with -D:
 *   BALLOTS    ballots 1 to BALLOTS, at most 4; each is led at most once
 *   PROPOSERS  replicas that may lead; there are always three replicas, and all are acceptors
 *   SLOTS      commands that a log may hold; each ballot record takes a position of its own beside them
 *   RESTARTS   1: one replica may, at any moment, restart without its memory
 *
 * A broken variant is chosen by one more -D; each is explained where it is used. With ONLY_AGREEMENT nothing but
 * agreement is asserted, so that a variant is not stopped by P1-P7 before it has done its damage. WITNESS=n makes
 * something good an error: that it is found shows that it can happen.
 *
 * There is one process, and each step is one atomic change of the whole state. All steps touch the same arrays, so
 * SPIN's partial-order reduction would find nothing to leave out; steps that need not be told apart are merged here
 * instead. Why a merger loses nothing is said at the step, after "Merged:".
 */

/* What WITNESS may name. */
#define IS_CHOSEN 1        /* a value is chosen at the last position that there is */
#define IS_ADOPTED 2       /* a candidate chooses another's log for a chosen entry that it lacks itself */
#define IS_TORN 3          /* an acceptor promises on a log with a torn entry and a whole one behind it */
#define IS_OVERWRITTEN 4   /* an entry is overwritten by another */
#define IS_LEARNED 5       /* a follower commits by the word of the last ballot's leader */
#define IS_AFTER_RESTART 6 /* the last ballot chooses after a replica has lost its memory */
#define IS_SPOILT 7        /* a candidate has read in part, and campaigns again on what it holds now */
#define IS_LATE 8          /* a candidate begins to lead when a higher ballot has chosen what it lacks */
#define IS_READ_LATER 9    /* a candidate reads what its source was given under a higher ballot, after its Promise */

#ifndef BALLOTS
#define BALLOTS 2
#endif
#ifndef PROPOSERS
#define PROPOSERS 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef WITNESS
#define WITNESS 0
#endif
#define REPLICAS 3
#define LENGTH (BALLOTS + SLOTS) /* positions of a log; one entry takes one */
#if LENGTH > 5 || LENGTH < 2 || BALLOTS < 2 || BALLOTS > 4 || PROPOSERS > REPLICAS
#error "bounds that the model is not written for"
#endif

/* ---- entries ----------------------------------------------------------------------------------------------------
 * A cell is an entry: the ballot that it was proposed under, the ballot of the entry before it, and a value. Within a
 * ballot's one log (ballot, position) names an entry, so that "chained" is: the cell before has the ballot that this
 * one names. That is a checksum without collisions. The value is the ballot that first proposed it: no two proposals
 * are alike. 0 is every cell that continues nothing: never written, or torn.
 */
#if BALLOTS > 3
#define CELL(value, ballot, before) (((ballot) << 3) | (before))
#define BALLOT(cell) ((cell) >> 3)
#define BEFORE(cell) ((cell) & 7)
#define VALUE(cell) BALLOT(cell)
#else
#define CELL(value, ballot, before) (((value) << 4) | ((ballot) << 2) | (before))
#define BALLOT(cell) (((cell) >> 2) & 3)
#define BEFORE(cell) ((cell) & 3)
#define VALUE(cell) ((cell) >> 4)
#endif
#ifdef RESTAMP
#define SAME(one, other) (VALUE(one) == VALUE(other))
#else
#define SAME(one, other) ((one) == (other)) /* in the same bytes */
#endif

/* ---- state ------------------------------------------------------------------------------------------------------ */

/* Of each replica. */
byte promised[REPLICAS];     /* ballot; 0 is none */
byte paths[REPLICAS];        /* ballots whose leader can write this log: bit b. P2: one at most */
byte log[REPLICAS * LENGTH]; /* its memory */
byte commit[REPLICAS];       /* own commit */
bit forgot[REPLICAS];        /* lives in another incarnation than the one that votes */

/* Of each ballot b, at b - 1. */
#define IDLE 0
#define ASKING 1  /* candidate: Prepare sent, own log fenced */
#define READING 2 /* candidate: has a majority, reads the log that it adopts */
#define LEADING 3 /* ballot record appended; leads while it has promised no higher */
#define GONE 4    /* has no effect any more, see Forget */
byte proposer[BALLOTS];
byte stage[BALLOTS];
/* ASKING: who has promised (bits of replicas), and what each Promise says. */
byte given[BALLOTS];
byte promise_end[BALLOTS * REPLICAS], promise_last[BALLOTS * REPLICAS], promise_commit[BALLOTS * REPLICAS];
/* READING: from whom, how far, the last ballot there, the highest commit that the majority named. */
byte source[BALLOTS], source_end[BALLOTS], source_last[BALLOTS], source_commit[BALLOTS];
/* LEADING. */
byte led[BALLOTS * LENGTH];        /* its one log, what its writes carry. Only appended to */
byte end[BALLOTS];                 /* of `led` */
byte record_end[BALLOTS];
byte commands[BALLOTS];            /* in `led` */
byte word[BALLOTS];                /* its leader's commit, what its commit words carry */
byte accepted[BALLOTS * REPLICAS]; /* how far each replica has taken in `led`; 0 short of the ballot record */
#ifdef WRITE_FROM_END
byte first_written[BALLOTS * REPLICAS];
#endif

/* Ghosts. */
byte chosen[LENGTH];       /* the entry */
byte chosen_under[LENGTH]; /* the lowest ballot under which it was */
bool agreement = true, P1_ = true, P2_ = true, P3_ = true, P4_ = true, P5_ = true, P7_ = true; /* names, for messages */
#if WITNESS
bool witness = true;
#endif

#define LOG(a, i) log[(a) * LENGTH + (i)]
#define OF(b) [(b) - 1]
#define LED(b, i) led[((b) - 1) * LENGTH + (i)]
#define WITH(b, a) [((b) - 1) * REPLICAS + (a)]
#define PROPOSER(b) proposer OF(b)
#define OPEN(a, b) (paths[a] & (1 << (b)))
/* The proposer of b has promised no higher: all that it does as candidate or leader asks this. */
#define HOLDS_OUT(b) (promised[PROPOSER(b)] == (b))
#define LEADS(b) (stage OF(b) == LEADING && HOLDS_OUT(b))
#define MIN(x, y) ((x) < (y) -> (x) : (y))
#define MAX(x, y) ((x) < (y) -> (y) : (x))
/* What a majority, two of three, have reached. */
#define REACHED_OF(x, y, z) MAX(MIN(x, y), MIN(MAX(x, y), z))
#define REACHED(b) REACHED_OF(accepted WITH(b, 0), accepted WITH(b, 1), accepted WITH(b, 2))

#ifdef ONLY_AGREEMENT
#define HOLDS(name, condition) skip
#else
#define HOLDS(name, condition) assert(name##_ && (condition))
#endif
#define AGREES(condition) assert(agreement && (condition))

#if WITNESS
#define WITNESSED(number, condition) assert(!(witness && WITNESS == number && (condition)))
#else
#define WITNESSED(number, condition) skip
#endif

/* a's log ends, valid, at `to`; its last valid entry has ballot `last`. */
inline Scan(a, to, last) {
  to = 0;
  last = 0;
  do
#ifdef NO_CHAIN /* broken: what stands there whole is taken for the continuation */
  :: to < LENGTH && LOG(a, to) != 0 ->
#else
  :: to < LENGTH && LOG(a, to) != 0 && BEFORE(LOG(a, to)) == last ->
#endif
     last = BALLOT(LOG(a, to));
     to++
  :: else -> break
  od
}

/* ---- phase 1 ---------------------------------------------------------------------------------------------------- */

#ifdef AMNESIC_VOTES /* broken: a process that has forgotten its promises answers as its former self */
#define MAY_VOTE(a) (true)
#else
#define MAY_VOTE(a) (!forgot[a])
#endif
#ifdef ANY_PREPARE /* broken: an acceptor grants a lower ballot than it has promised */
#define MAY_PROMISE(a, b) (promised[a] != (b))
#else
#define MAY_PROMISE(a, b) (promised[a] < (b))
#endif

/* Ends every path into a's log but that of the ballot it has promised. What is in flight then never arrives. */
#define FENCE(a) paths[a] = paths[a] & (1 << promised[a])

/* A candidate promises to itself, asks, and fences itself. It may be what leads, or reads, under a lower ballot; now it
 * does so no longer.
 *
 * Merged: the asking and the fence, which takes longer. It chooses a log after both. What lands in its own log between
 * the two could as well land before; and whoever grants its log before that fence has a log that does not change from
 * there on, so it could as well grant it after. */
#define CAN_CAMPAIGN(b) (stage OF(b) == IDLE && promised[PROPOSER(b)] < b && MAY_VOTE(PROPOSER(b)))
inline Campaign() {
  a = PROPOSER(b);
  printf("replica %d campaigns under %d\n", a, b);
  HOLDS(P7, !forgot[a]);
  WITNESSED(IS_SPOILT, promised[a] != 0 && stage OF(promised[a]) == READING && LOG(a, commit[a]) == 0 &&
                       LOG(a, commit[a] + 1) != 0);
  promised[a] = b;
#if !defined(NO_FENCE) && !defined(NO_SELF_FENCE) /* broken: who could write here still can */
  FENCE(a);
#endif
  given OF(b) = 1 << a;
  stage OF(b) = ASKING
}

/* An acceptor takes a Prepare, whenever it arrives: promises, fences, grants, examines its log, answers.
 *
 * Merged: promise and fence, because bytes that land between the two could as well land before: a landing write does
 * not look at the promise. Two Prepares that meet there are served one after the other. And the Promise's arrival: it
 * stays what it says, it is up to ChooseLog when to look at it, and one that is late or lost is one that is not looked
 * at.
 */
#define CAN_GRANT(b, a) (stage OF(b) != IDLE && PROPOSER(b) != a && MAY_PROMISE(a, b) && MAY_VOTE(a))
inline Grant() {
  printf("replica %d grants its log to %d of replica %d\n", a, b, PROPOSER(b));
  HOLDS(P1, promised[a] < b);
  HOLDS(P7, !forgot[a]);
  Scan(a, e, x);
  WITNESSED(IS_TORN, e + 1 < LENGTH && LOG(a, e) == 0 && LOG(a, e + 1) != 0);
  promised[a] = b;
#if !defined(NO_FENCE) && !defined(FENCE_AFTER_PROMISE) /* broken: who could write here still can; or until FenceLate */
  FENCE(a);
#endif
  if
  :: stage OF(b) == ASKING && HOLDS_OUT(b) ->
     given OF(b) = given OF(b) | (1 << a);
     promise_end WITH(b, a) = e;
     promise_last WITH(b, a) = x;
     promise_commit WITH(b, a) = commit[a]
  :: else
  fi
}

#ifdef FENCE_AFTER_PROMISE
#define CAN_FENCE_LATE(a) ((paths[a] & (255 - (1 << promised[a]))) != 0)
inline FenceLate() {
  printf("replica %d fences all but %d\n", a, promised[a]);
  FENCE(a)
}
#endif

/* Is a log with last ballot x and end e to be preferred to one with y and f? */
#if defined(LOWER_BALLOT_WINS) /* broken */
#define BETTER(x, e, y, f) (x != 0 && (y == 0 || x < y || x == y && e > f))
#elif defined(LONGEST_WINS) /* broken: whatever its ballot */
#define BETTER(x, e, y, f) (e > f || e == f && x > y)
#elif defined(SHORTEST_WINS) /* broken: among equals */
#define BETTER(x, e, y, f) (x > y || x == y && e < f)
#else
#define BETTER(x, e, y, f) (x > y || x == y && e > f)
#endif

/* With the promises of the majority k, a set of replicas, the candidate chooses the log to adopt. Its own, or it reads.
 */
#define CAN_CHOOSE(b, k) \
  (stage OF(b) == ASKING && HOLDS_OUT(b) && (k & (1 << PROPOSER(b))) && (given OF(b) & k) == k)
inline ChooseLog() {
  r = PROPOSER(b);
  source OF(b) = r;
  source_commit OF(b) = commit[r];
  Scan(r, f, y);
  a = 0;
  do
  :: a < REPLICAS ->
     if
     :: (k & (1 << a)) && a != r ->
        source_commit OF(b) = MAX(source_commit OF(b), promise_commit WITH(b, a));
        if
        :: BETTER(promise_last WITH(b, a), promise_end WITH(b, a), y, f) ->
           source OF(b) = a;
           f = promise_end WITH(b, a);
           y = promise_last WITH(b, a)
        :: else
        fi
     :: else
     fi;
     a++
  :: else -> break
  od;
  HOLDS(P4, commit[r] <= f);
  printf("replica %d, candidate under %d, chooses %d entries of replica %d\n", r, b, f, source OF(b));
  WITNESSED(IS_ADOPTED, source OF(b) != r && f > 0 && chosen[f - 1] != 0 && LOG(r, f - 1) != chosen[f - 1]);
  source_end OF(b) = f;
  source_last OF(b) = y;
  ForgetPromises(b);
  stage OF(b) = READING
}

/* Reading: what stands in the source is copied to the own log, from the own commit on, in any order and perhaps not
 * whole. The source may have been granted to somebody else meanwhile, whose writes are then seen, or not. What has been
 * read when the candidate gives up, dies, or is fenced, stays where it is. A source that has restarted is another.
 */
#ifdef LATE_READ /* broken: a read changes the reader's log after that has been granted to somebody else */
#define MAY_READ(b) (stage OF(b) == READING && SAME_LIFE(b))
#else
#define MAY_READ(b) (stage OF(b) == READING && HOLDS_OUT(b) && SAME_LIFE(b))
#endif
#ifdef READ_NEXT_LIFE /* broken: a read returns what a process has in its memory that has restarted meanwhile */
#define SAME_LIFE(b) (true)
#else
#define SAME_LIFE(b) (!forgot[source OF(b)])
#endif
#define READS(b, k) (MAY_READ(b) && commit[PROPOSER(b)] <= k && k < source_end OF(b))
#define CAN_READ(b, k) (READS(b, k) && LOG(PROPOSER(b), k) != LOG(source OF(b), k))
inline Read() {
  printf("replica %d, candidate under %d, reads position %d\n", PROPOSER(b), b, k);
  HOLDS(P2, HOLDS_OUT(b));
  WITNESSED(IS_READ_LATER, BALLOT(LOG(source OF(b), k)) > source_last OF(b));
  LOG(PROPOSER(b), k) = LOG(source OF(b), k)
}
/* Part of an entry is read. Where the bytes are equal, that changes nothing. */
#ifdef READ_CLEARS /* broken: what is read into is cleared first */
#define CAN_READ_PART(b, k) (READS(b, k) && LOG(PROPOSER(b), k) != 0)
#else
#define CAN_READ_PART(b, k) (CAN_READ(b, k) && LOG(PROPOSER(b), k) != 0)
#endif
inline ReadPart() {
  printf("replica %d, candidate under %d, reads part of position %d\n", PROPOSER(b), b, k);
  HOLDS(P2, HOLDS_OUT(b));
  LOG(PROPOSER(b), k) = 0
}

/* All is read, and the chain ends where the Promise said. The candidate moves its commit to the highest that it was
 * told, appends its ballot record, and leads. If the chain ends elsewhere, it gives up: it takes no further step.
 *
 * Merged: the end of the reading and the look at it, both the candidate's own.
 */
#define CAN_LEAD(b) (stage OF(b) == READING && HOLDS_OUT(b))
/* What P4 asks of b's log. A candidate may finish late, when a higher ballot has chosen: that it need not have. */
#define CHOSEN_BELOW(i, b) (chosen[i] != 0 && chosen_under[i] < b)
inline Lead() {
  r = PROPOSER(b);
  f = source_end OF(b);
  i = 0;
  do
#ifdef NO_CHAIN
  :: i < f && LOG(r, i) != 0 ->
#else
  :: i < f && LOG(r, i) != 0 && BEFORE(LOG(r, i)) == x ->
#endif
     x = BALLOT(LOG(r, i));
     i++
  :: else -> break
  od;
  if
  :: i == f && x == source_last OF(b) ->
     printf("replica %d leads %d, from position %d\n", r, b, f);
     i = 0;
     do
     :: i < LENGTH ->
        HOLDS(P4, !CHOSEN_BELOW(i, b) || (i < f && SAME(LOG(r, i), chosen[i])));
        WITNESSED(IS_LATE, chosen_under[i] > b && (i >= f || LOG(r, i) != chosen[i]));
        i++
     :: else -> break
     od;
     HOLDS(P4, source_commit OF(b) <= f);
     commit[r] = MAX(commit[r], source_commit OF(b));
     word OF(b) = commit[r];
#ifdef RESTAMP /* broken: what is adopted gets the ballot that it is to be accepted under */
     i = commit[r];
     do
     :: i < f ->
        LOG(r, i) = CELL(VALUE(LOG(r, i)), b, (i > 0 -> BALLOT(LOG(r, i - 1)) : 0));
        x = b;
        i++
     :: else -> break
     od;
#endif
     LOG(r, f) = CELL(b, b, x);
     i = 0;
     do
     :: i <= f ->
        HOLDS(P3, LED(b, i) == 0);
        LED(b, i) = LOG(r, i);
        y = BALLOT(LED(b, i));
        HOLDS(P3, y == b || stage OF(y) != LEADING || LED(b, i) == LED(y, i));
        if
        :: y == BEFORE(LED(b, i)) -> commands OF(b)++ /* the others are ballot records */
        :: else
        fi;
        i++
     :: else -> break
     od;
     end OF(b) = f + 1;
     record_end OF(b) = f + 1;
     accepted WITH(b, r) = f + 1;
     ForgetReading(b);
     stage OF(b) = LEADING
  :: else
  fi
}

/* ---- phase 2 ---------------------------------------------------------------------------------------------------- */

/* Merged: what is appended is at once in flight to every follower. What has not been posted yet, or never is because
 * the leader dies first, is what does not arrive. */
#define CAN_APPEND(b) (LEADS(b) && commands OF(b) < SLOTS && end OF(b) < LENGTH)
inline Append() {
  i = end OF(b);
  printf("leader of %d appends at %d\n", b, i);
  HOLDS(P3, LED(b, i) == 0);
  LED(b, i) = CELL(b, b, b);
  LOG(PROPOSER(b), i) = LED(b, i);
  end OF(b) = i + 1;
  accepted WITH(b, PROPOSER(b)) = i + 1;
  commands OF(b)++
}

#ifdef REWRITE /* broken: a leader puts another command in the place of its last, which it has not seen accepted */
#define CAN_REWRITE(b) (LEADS(b) && word OF(b) < end OF(b) && LED(b, end OF(b) - 1) == CELL(b, b, b))
inline Rewrite() {
  i = end OF(b) - 1;
  printf("leader of %d replaces its entry at %d\n", b, i);
  HOLDS(P3, LED(b, i) == 0);
  LED(b, i) = CELL(3, b, b);
  LOG(PROPOSER(b), i) = LED(b, i)
}
#endif

/* May a write of b change cell k of a? It writes from a's own commit on. Where the bytes are equal it changes nothing,
 * torn or not. */
#ifdef WRITE_FROM_END /* broken: it writes from the follower's valid end on */
#define WRITTEN_FROM(b, a) first_written WITH(b, a)
#else
#define WRITTEN_FROM(b, a) commit[a]
#endif
#define IN_FLIGHT(b, a, k) (OPEN(a, b) && WRITTEN_FROM(b, a) <= k && k < end OF(b) && LOG(a, k) != LED(b, k))
/* An entry lands in a's memory, in any order. */
inline Arrive() {
  printf("%d writes position %d of replica %d\n", b, k, a);
  HOLDS(P2, promised[a] == b);
  HOLDS(P7, !forgot[a]);
  WITNESSED(IS_OVERWRITTEN, LOG(a, k) != 0);
  LOG(a, k) = LED(b, k)
}
/* Part of it does: what stood there is gone, and what is to stand there is not there. */
#define CAN_ARRIVE_PART(b, a, k) (LOG(a, k) != 0 && IN_FLIGHT(b, a, k))
inline ArrivePart() {
  printf("%d writes part of position %d of replica %d\n", b, k, a);
  HOLDS(P2, promised[a] == b);
  HOLDS(P7, !forgot[a]);
  LOG(a, k) = 0
}

/* The leader commits what it has seen a majority accept. */
#ifdef COUNT_POSTED /* broken: it counts what it has posted as accepted */
#define COUNTED(b, a) (OPEN(a, b) -> end OF(b) : accepted WITH(b, a))
#define SEEN(b) REACHED_OF(COUNTED(b, 0), COUNTED(b, 1), COUNTED(b, 2))
#else
#define SEEN(b) REACHED(b)
#endif
#define CAN_COMMIT(b) (LEADS(b) && SEEN(b) > word OF(b))
inline Commit() {
  a = PROPOSER(b);
  word OF(b) = SEEN(b);
  printf("leader of %d commits up to %d\n", b, word OF(b));
  HOLDS(P5, commit[a] <= word OF(b));
  commit[a] = word OF(b)
}

/* A follower commits min(commit word, valid end), once its chain holds the ballot that it has granted.
 *
 * Merged: posting the word, its landing, and the look at it. An older word says less, and could have been looked at
 * earlier; one that a fence keeps out is one that is not looked at.
 */
#define CAN_LEARN(b, a) (OPEN(a, b) && promised[a] == b && word OF(b) > commit[a])
inline Learn() {
  Scan(a, e, x);
  e = MIN(e, word OF(b));
  if
#ifdef LEARN_EARLY /* broken: also while the chain may go on in an old suffix */
  :: e > commit[a] ->
#else
  :: e > commit[a] && x == b ->
#endif
     printf("replica %d commits up to %d, by the word of %d\n", a, e, b);
     WITNESSED(IS_LEARNED, b == BALLOTS);
     commit[a] = e
  :: else
  fi
}

/* ---- crashes ----------------------------------------------------------------------------------------------------
 * A process that stops, for a while or for good, takes no step; what it has in flight still arrives. That can happen in
 * every state, and needs no step of its own. This is the other kind: a restart without log, commit and promises. Writes
 * to the former life fail, those that it has posted arrive.
 */
#define CAN_RESTART(a) (!forgot[0] && !forgot[1] && !forgot[2])
inline Restart() {
  printf("replica %d restarts without its memory\n", a);
  forgot[a] = 1;
  promised[a] = 0;
  paths[a] = 0;
  commit[a] = 0;
  i = 0;
  do
  :: i < LENGTH -> LOG(a, i) = 0; i++
  :: else -> break
  od
}

/* ---- after each step -------------------------------------------------------------------------------------------- */

/* Every replica that has promised what is led is written to. */
inline OpenPaths(b) {
  a = 0;
  do
  :: a < REPLICAS ->
     if
     :: LEADS(b) && promised[a] == b && a != PROPOSER(b) && !OPEN(a, b) ->
        paths[a] = paths[a] | (1 << b);
        HOLDS(P4, commit[a] <= end OF(b));
        i = 0;
        do
        :: i < commit[a] -> HOLDS(P4, SAME(LOG(a, i), LED(b, i))); i++
        :: else -> break
        od;
#ifdef WRITE_FROM_END
        Scan(a, e, x);
        first_written WITH(b, a) = e
#endif
     :: else
     fi;
     a++
  :: else -> break
  od
}

/* How far each replica has taken in b's log, and what is chosen by that.
 *
 * Merged: landing and completing. A completion that comes later, also after a has promised somebody else, lets the
 * leader know later (Commit); one that never comes lets it know never. Chosen is what has landed, whoever knows.
 */
inline CountAccepted(b) {
  a = 0;
  do
  :: a < REPLICAS ->
     i = MAX(accepted WITH(b, a), WRITTEN_FROM(b, a));
     do
     :: OPEN(a, b) && i < end OF(b) && LOG(a, i) == LED(b, i) -> i++
     :: else -> break
     od;
#ifdef COUNT_BEFORE_RECORD /* broken: what lies before the ballot record counts as soon as it is there */
     if
     :: i > accepted WITH(b, a) && OPEN(a, b) ->
#else
     if
     :: i > accepted WITH(b, a) && OPEN(a, b) && i >= record_end OF(b) ->
#endif
        accepted WITH(b, a) = i
     :: else
     fi;
     a++
  :: else -> break
  od;
  n = REACHED(b);
  i = 0;
  do
  :: i < n ->
     AGREES(chosen[i] == 0 || VALUE(chosen[i]) == VALUE(LED(b, i)));
     if
     :: chosen[i] == 0 ->
        printf("chosen at %d: %d\n", i, VALUE(LED(b, i)));
        chosen[i] = LED(b, i);
        WITNESSED(IS_CHOSEN, i == LENGTH - 1);
        WITNESSED(IS_AFTER_RESTART, b == BALLOTS && (forgot[0] || forgot[1] || forgot[2]))
     :: else
     fi;
     HOLDS(P4, SAME(chosen[i], LED(b, i)));
     if
     :: chosen_under[i] == 0 || b < chosen_under[i] -> chosen_under[i] = b
     :: else
     fi;
     y = b + 1;
     do
     :: y <= BALLOTS ->
        HOLDS(P4, stage OF(y) != LEADING || (i < end OF(y) && SAME(LED(y, i), LED(b, i))));
        y++
     :: else -> break
     od;
     i++
  :: else -> break
  od
}

/* A commit passes only what is chosen. */
inline CheckCommits() {
  a = 0;
  do
  :: a < REPLICAS ->
     i = 0;
     do
     :: i < commit[a] ->
        HOLDS(P5, chosen[i] != 0);
        AGREES(chosen[i] == 0 || VALUE(chosen[i]) == VALUE(LOG(a, i)));
        i++
     :: else -> break
     od;
     a++
  :: else -> break
  od
}

inline ForgetPromises(b) {
  given OF(b) = 0;
  promise_end WITH(b, 0) = 0; promise_last WITH(b, 0) = 0; promise_commit WITH(b, 0) = 0;
  promise_end WITH(b, 1) = 0; promise_last WITH(b, 1) = 0; promise_commit WITH(b, 1) = 0;
  promise_end WITH(b, 2) = 0; promise_last WITH(b, 2) = 0; promise_commit WITH(b, 2) = 0
}

inline ForgetReading(b) {
  source OF(b) = 0; source_end OF(b) = 0; source_last OF(b) = 0; source_commit OF(b) = 0
}

/* Sets to 0 what can have no effect any more, so that it tells no states apart. A ballot whose proposer has promised
 * higher and that has no path writes nothing, chooses nothing, and leads no more. Its log is kept, for P4, while a
 * lower one may choose (n). */
inline Forget(b) {
  if
  :: stage OF(b) == IDLE || stage OF(b) == GONE
  :: else ->
     if
     :: HOLDS_OUT(b) || OPEN(0, b) || OPEN(1, b) || OPEN(2, b) -> n = 1
#ifdef LATE_READ
     :: !HOLDS_OUT(b) && stage OF(b) == READING
#endif
     :: else ->
        if
        :: stage OF(b) == LEADING && n == 1
        :: else ->
           ForgetPromises(b);
           ForgetReading(b);
           i = 0;
           do
           :: i < LENGTH -> LED(b, i) = 0; i++
           :: else -> break
           od;
           end OF(b) = 0; record_end OF(b) = 0; commands OF(b) = 0; word OF(b) = 0;
           accepted WITH(b, 0) = 0; accepted WITH(b, 1) = 0; accepted WITH(b, 2) = 0;
           stage OF(b) = GONE
        fi
     fi
  fi
}

inline Settle() {
  b = 1;
  do
  :: b <= BALLOTS ->
     if
     :: stage OF(b) == LEADING -> OpenPaths(b); CountAccepted(b)
     :: else
     fi;
     b++
  :: else -> break
  od;
  CheckCommits();
  n = 0;
  b = 1;
  do
  :: b <= BALLOTS -> Forget(b); b++
  :: else -> break
  od;
  step = 0; b = 0; a = 0; k = 0; r = 0; i = 0; n = 0; e = 0; f = 0; x = 0; y = 0
}

/* ---- the world --------------------------------------------------------------------------------------------------
 * Any step that can be taken may be the next. Replicas are alike until they propose, so ballot 1 is replica 0's, and a
 * new proposer is always the next replica.
 */
mtype = {campaign, grant, choose_log, read, read_part, lead, append, arrive, arrive_part, commit_, learn, restart,
         fence_late, rewrite};

#define STEP(condition, what, b_, a_, k_) :: d_step { condition -> step = what; b = b_; a = a_; k = k_ }
#define STEPS_OF(b) \
  STEP(CAN_CAMPAIGN(b), campaign, b, 0, 0) \
  STEP(CAN_CHOOSE(b, 3), choose_log, b, 0, 3) \
  STEP(CAN_CHOOSE(b, 5), choose_log, b, 0, 5) \
  STEP(CAN_CHOOSE(b, 6), choose_log, b, 0, 6) \
  STEP(CAN_CHOOSE(b, 7), choose_log, b, 0, 7) \
  STEP(CAN_LEAD(b), lead, b, 0, 0) \
  STEP(CAN_APPEND(b), append, b, 0, 0) \
  STEP(CAN_COMMIT(b), commit_, b, 0, 0) \
  STEPS_WITH(b, 0) STEPS_WITH(b, 1) STEPS_WITH(b, 2) \
  STEPS_AT(b, 0) STEPS_AT(b, 1) STEPS_AT_2(b) STEPS_AT_3(b) STEPS_AT_4(b)
#define STEPS_WITH(b, a) \
  STEP(CAN_GRANT(b, a), grant, b, a, 0) \
  STEP(CAN_LEARN(b, a), learn, b, a, 0)
#define STEPS_AT(b, k) \
  STEP(CAN_READ(b, k), read, b, 0, k) \
  STEP(CAN_READ_PART(b, k), read_part, b, 0, k) \
  STEPS_WITH_AT(b, 0, k) STEPS_WITH_AT(b, 1, k) STEPS_WITH_AT(b, 2, k)
#define STEPS_WITH_AT(b, a, k) \
  STEP(IN_FLIGHT(b, a, k), arrive, b, a, k) \
  STEP(CAN_ARRIVE_PART(b, a, k), arrive_part, b, a, k)
#if LENGTH > 2
#define STEPS_AT_2(b) STEPS_AT(b, 2)
#else
#define STEPS_AT_2(b)
#endif
#if LENGTH > 3
#define STEPS_AT_3(b) STEPS_AT(b, 3)
#else
#define STEPS_AT_3(b)
#endif
#if LENGTH > 4
#define STEPS_AT_4(b) STEPS_AT(b, 4)
#else
#define STEPS_AT_4(b)
#endif

init {
  mtype step;
  byte b, a, k, r, i, n, e, f, x, y;

  atomic {
    b = 2;
    n = 1; /* replicas that propose */
    do
    :: b <= BALLOTS ->
       if
       :: a = 0
       :: n > 1 -> a = 1
       :: n > 2 -> a = 2
       :: n < PROPOSERS -> a = n; n++
       fi;
       PROPOSER(b) = a;
       b++
    :: else -> break
    od;
    a = 0; b = 0; n = 0
  }
end_of_init:
  do
  :: atomic {
       if
       STEPS_OF(1)
       STEPS_OF(2)
#if BALLOTS > 2
       STEPS_OF(3)
#endif
#if BALLOTS > 3
       STEPS_OF(4)
#endif
#if RESTARTS
       STEP(CAN_RESTART(0), restart, 0, 0, 0)
       STEP(CAN_RESTART(1), restart, 0, 1, 0)
       STEP(CAN_RESTART(2), restart, 0, 2, 0)
#endif
#ifdef FENCE_AFTER_PROMISE
       STEP(CAN_FENCE_LATE(0), fence_late, 0, 0, 0)
       STEP(CAN_FENCE_LATE(1), fence_late, 0, 1, 0)
       STEP(CAN_FENCE_LATE(2), fence_late, 0, 2, 0)
#endif
#ifdef REWRITE
       STEP(CAN_REWRITE(1), rewrite, 1, 0, 0)
#endif
       fi;
       d_step {
         if
         :: step == campaign -> Campaign()
         :: step == grant -> Grant()
         :: step == choose_log -> ChooseLog()
         :: step == read -> Read()
         :: step == read_part -> ReadPart()
         :: step == lead -> Lead()
         :: step == append -> Append()
         :: step == arrive -> Arrive()
         :: step == arrive_part -> ArrivePart()
         :: step == commit_ -> Commit()
         :: step == learn -> Learn()
         :: step == restart -> Restart()
#ifdef FENCE_AFTER_PROMISE
         :: step == fence_late -> FenceLate()
#endif
#ifdef REWRITE
         :: step == rewrite -> Rewrite()
#endif
         fi;
         Settle()
       }
     }
  od
}
