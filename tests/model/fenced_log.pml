/* Fenced logs and Multi-Paxos over them: grants, one-sided writes in flight, adoption of one whole log, crashes.
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
 * agreement is asserted, so that a variant is not stopped by P1-P7 before it has done its damage. WITNESS=n turns
 * one good thing into an error: that it is found shows that it can happen.
 *
 * One process, and each step is one atomic change of the whole state. Merging steps is this model's partial-order
 * reduction; why each merger loses nothing is said at the step, as "Merged:".
 */

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

/* ---- entries ----------------------------------------------------------------------------------------------------
 * A cell is an entry: the ballot that it was proposed under, the ballot of the entry before it, and a value. Within a
 * ballot's one log (ballot, position) names an entry, so "chained" is: the cell before has the ballot that this one
 * names. That is a checksum without collisions. The value is the ballot that first proposed it: no two proposals are
 * alike. 0 is every cell that continues nothing: never written, or torn.
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
byte promised[REPLICAS];       /* ballot; 0 is none */
byte paths[REPLICAS];          /* ballots whose leader can write this log: bit b. P2: one at most */
byte log[REPLICAS * LENGTH];   /* its memory */
byte commit[REPLICAS];         /* own commit */
bit forgot[REPLICAS];          /* lives in another incarnation than the one that votes */

/* Of each ballot (index b - 1). */
#define IDLE 0
#define ASKING 1  /* candidate: own log fenced, Prepare sent */
#define READING 2 /* candidate that reads the log it adopts, and will not live to lead */
#define LEADING 3 /* ballot record appended; leads while it has promised no higher */
#define GONE 4
byte proposer[BALLOTS];
byte stage[BALLOTS];
byte source[BALLOTS], source_end[BALLOTS]; /* READING: from whom, how far */
#ifndef MERGED
byte source_last[BALLOTS], source_commit[BALLOTS]; /* and the last ballot there; the highest commit of the majority */
byte given[BALLOTS];           /* ASKING: who has promised: bit of the replica. And what their Promises said: */
byte promise_end[BALLOTS * REPLICAS], promise_last[BALLOTS * REPLICAS], promise_commit[BALLOTS * REPLICAS];
#endif
byte led[BALLOTS * LENGTH];    /* its one log: what its writes carry. Append only */
byte end[BALLOTS];             /* of `led` */
byte record_end[BALLOTS];
byte commands[BALLOTS];        /* in `led` */
byte word[BALLOTS];            /* commit of its leader: what its commit words carry */
byte accepted[BALLOTS * REPLICAS]; /* how far each replica has taken in `led`; 0 up to the ballot record */
#ifdef WRITE_FROM_END
byte first_written[BALLOTS * REPLICAS];
#endif

/* Ghosts. */
byte chosen[LENGTH];           /* the entry */
#ifndef MERGED
byte chosen_under[LENGTH];     /* lowest ballot under which it was */
#endif
bool agreement = true, P1_ = true, P2_ = true, P3_ = true, P4_ = true, P5_ = true, P7_ = true; /* names in messages */
#if WITNESS
bool witness = true;
#endif

#define LOG(a, i) log[(a) * LENGTH + (i)]
#define LED(b, i) led[((b) - 1) * LENGTH + (i)]
#define ACCEPTED(b, a) accepted[((b) - 1) * REPLICAS + (a)]
#define PROMISE_END(b, a) promise_end[((b) - 1) * REPLICAS + (a)]
#define PROMISE_LAST(b, a) promise_last[((b) - 1) * REPLICAS + (a)]
#define PROMISE_COMMIT(b, a) promise_commit[((b) - 1) * REPLICAS + (a)]
#define FIRST_WRITTEN(b, a) first_written[((b) - 1) * REPLICAS + (a)]
#define OF(b) [(b) - 1]
#define PROPOSER(b) proposer OF(b)
#define OPEN(a, b) (paths[a] & (1 << (b)))
#define PROMISED_BY_PROPOSER(b) (promised[PROPOSER(b)] == (b))
#define MIN(x, y) ((x) < (y) -> (x) : (y))
#define MAX(x, y) ((x) < (y) -> (y) : (x))
/* What two of three have reached. */
#define REACHED2(x, y, z) MAX(MIN(x, y), MIN(MAX(x, y), z))
#define REACHED(b) REACHED2(ACCEPTED(b, 0), ACCEPTED(b, 1), ACCEPTED(b, 2))

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
/* witnesses */
#define IS_CHOSEN 1      /* as many commands as fit are chosen */
#define IS_ADOPTED 2     /* a leader adopts another's log with a chosen entry that it lacked */
#define IS_TORN 3        /* a fence leaves a diverged suffix torn */
#define IS_OVERWRITTEN 4 /* an entry of another ballot is overwritten with a different one */
#define IS_LEARNED 5     /* a follower learns the commit of the last ballot */
#define IS_AFTER_RESTART 6 /* a value is chosen under the last ballot after a replica has lost its memory */
#define IS_SPOILT 7      /* a reader that gave up leaves its own log changed */

/* ---- helpers ----------------------------------------------------------------------------------------------------
 * The locals that they use are set back to 0 at the end of every step, so that they distinguish no states.
 */

/* to, last := valid end of a's log and the ballot of its last valid entry. */
inline Scan(a, to, last) {
  to = 0;
  last = 0;
  do
#ifdef NO_CHAIN /* broken: whatever stands there whole is taken as the continuation */
  :: to < LENGTH && LOG(a, to) != 0 ->
#else
  :: to < LENGTH && LOG(a, to) != 0 && BEFORE(LOG(a, to)) == last ->
#endif
     last = BALLOT(LOG(a, to));
     to++
  :: else -> break
  od
}

/* What b's leader counts has grown: is anything chosen by it? A majority holds b's log past b's ballot record, so the
 * whole prefix is. */
inline Choose(b) {
  n = REACHED(b);
  i = 0;
  do
  :: i < n ->
     AGREES(chosen[i] == 0 || VALUE(chosen[i]) == VALUE(LED(b, i)));
     if
     :: chosen[i] == 0 ->
        chosen[i] = LED(b, i);
        printf("  chosen at %d: %d\n", i, VALUE(chosen[i]));
        WITNESSED(IS_CHOSEN, i == LENGTH - 1);
        WITNESSED(IS_AFTER_RESTART, b == BALLOTS && (forgot[0] || forgot[1] || forgot[2]))
     :: else
     fi;
     HOLDS(P4, SAME(chosen[i], LED(b, i)));
#ifndef MERGED
     if
     :: chosen_under[i] == 0 || b < chosen_under[i] -> chosen_under[i] = b
     :: else
     fi;
#endif
     w = b + 1;
     do
     :: w <= BALLOTS ->
        HOLDS(P4, stage OF(w) != LEADING || (i < end OF(w) && SAME(LED(w, i), LED(b, i))));
        w++
     :: else -> break
     od;
     i++
  :: else -> break
  od;
  n = 0; i = 0; w = 0
}

/* How far has a taken in b's log, as b's leader will see it by its completions? Nothing counts before the ballot record.
 *
 * Merged: landing and counting. A completion that comes later, also after a has promised somebody else, makes the
 * leader know later (Commit); one that never comes makes it know never. Chosen is what has landed.
 */
inline Count(b, a) {
  i = ACCEPTED(b, a);
#ifdef WRITE_FROM_END /* broken: what the follower holds up to its valid end is taken for equal */
  i = MAX(i, FIRST_WRITTEN(b, a));
#endif
  do
#ifdef COUNT_POSTED /* broken: counted when it is posted */
  :: i < end OF(b) -> i++
#else
  :: i < end OF(b) && LOG(a, i) == LED(b, i) -> i++
#endif
  :: else -> break
  od;
  if
#ifdef COUNT_BEFORE_RECORD /* broken: what lies before the ballot record counts as soon as it is there */
  :: i > ACCEPTED(b, a) ->
#else
  :: i > ACCEPTED(b, a) && i >= record_end OF(b) ->
#endif
     ACCEPTED(b, a) = i;
     Choose(b)
  :: else
  fi;
  i = 0
}

/* a has granted its log to b, which leads. From here on everything in b's log is in flight to a, and so is what it
 * appends later: from a's own commit on, but up to there nothing differs. What is equal already need not travel. */
inline Activate(b, a) {
  paths[a] = paths[a] | (1 << b);
  HOLDS(P4, commit[a] <= end OF(b));
  i = 0;
  do
  :: i < commit[a] ->
     HOLDS(P4, SAME(LOG(a, i), LED(b, i)));
     i++
  :: else -> break
  od;
#ifdef WRITE_FROM_END
  Scan(a, e, x);
  FIRST_WRITTEN(b, a) = e;
  e = 0; x = 0;
#endif
  Count(b, a)
}

/* May a write of w still change cell i of a? */
#ifdef WRITE_FROM_END
#define IN_FLIGHT(w, a, i) (OPEN(a, w) && i < end OF(w) && i >= FIRST_WRITTEN(w, a) && LOG(a, i) != LED(w, i))
#else
#define IN_FLIGHT(w, a, i) (OPEN(a, w) && i < end OF(w) && LOG(a, i) != LED(w, i))
#endif

/* Part of an entry in flight arrives, or the whole of it: in any order, and nothing where the bytes are equal. */
inline PutCell(a, k, cell) {
  if
  :: LOG(a, k) = cell
  :: LOG(a, k) != 0 ->
     WITNESSED(IS_TORN, BALLOT(LOG(a, k)) < BALLOT(cell));
     LOG(a, k) = 0;
     printf("  position %d of replica %d is torn\n", k, a)
  fi
}

/* Ends every path into a's log but that of the ballot it has promised. What is in flight then never arrives.
 *
 * Merged (MERGED only): what arrives before a's log is complete up to the leader's ballot record, or out of order, is
 * decided here and not when it does. Until a's log is examined under a new grant, such a cell is seen by nobody: a
 * counts as having accepted, and learns, only along a chain without gap that holds the record (Land). A candidate that
 * still reads this log is given the same choice (ReadFlight).
 */
#ifdef MERGED
inline Fence(a) {
  w = 1;
  do
  :: w <= BALLOTS && w != promised[a] ->
     i = 0;
     do
     :: i == LENGTH -> break
     :: i < LENGTH && IN_FLIGHT(w, a, i) ->
        if
        :: skip
        :: PutCell(a, i, LED(w, i))
        fi;
        i++
     :: i < LENGTH && !IN_FLIGHT(w, a, i) -> i++
     od;
     w++
  :: w <= BALLOTS && w == promised[a] -> w++
  :: w > BALLOTS -> break
  od;
  paths[a] = paths[a] & (1 << promised[a]);
  w = 0; i = 0
}
#else
inline Fence(a) {
  paths[a] = paths[a] & (1 << promised[a])
}
#endif

#ifndef MERGED
inline ForgetPromises(b) {
  source_last OF(b) = 0; source_commit OF(b) = 0;
  given OF(b) = 0;
  PROMISE_END(b, 0) = 0; PROMISE_LAST(b, 0) = 0; PROMISE_COMMIT(b, 0) = 0;
  PROMISE_END(b, 1) = 0; PROMISE_LAST(b, 1) = 0; PROMISE_COMMIT(b, 1) = 0;
  PROMISE_END(b, 2) = 0; PROMISE_LAST(b, 2) = 0; PROMISE_COMMIT(b, 2) = 0
}
#endif

/* Sets to 0 what can have no effect any more. A ballot that its proposer has left and that has no path writes nothing,
 * chooses nothing, and never leads (again); its log is kept while a lower one may choose, for P4. */
inline Forget() {
  n = 0; /* a lower ballot may still choose */
  w = 1;
  do
  :: w <= BALLOTS ->
     if
     :: stage OF(w) == IDLE || stage OF(w) == GONE
     :: else ->
        if
        :: PROMISED_BY_PROPOSER(w) || OPEN(0, w) || OPEN(1, w) || OPEN(2, w) -> n = 1
        :: else ->
           if
#ifdef LATE_READ
           :: stage OF(w) == READING
#endif
           :: stage OF(w) == LEADING && n == 1
           :: else ->
              stage OF(w) = GONE;
              source OF(w) = 0; source_end OF(w) = 0;
#ifndef MERGED
              ForgetPromises(w);
#endif
              i = 0;
              do
              :: i < LENGTH -> LED(w, i) = 0; i++
              :: else -> break
              od;
              i = 0;
              end OF(w) = 0; record_end OF(w) = 0; commands OF(w) = 0; word OF(w) = 0;
              ACCEPTED(w, 0) = 0; ACCEPTED(w, 1) = 0; ACCEPTED(w, 2) = 0
           fi
        fi
     fi;
     w++
  :: else -> break
  od;
  n = 0; w = 0
}

/* ---- phase 1 ---------------------------------------------------------------------------------------------------- */

#ifdef AMNESIC_VOTES /* broken: a process that has forgotten its promises answers as its former self */
#define MAY_VOTE(a) (true)
#else
#define MAY_VOTE(a) (!forgot[a])
#endif
#ifdef ANY_PREPARE /* broken: an acceptor grants a lower ballot than it has promised */
#define MAY_PROMISE(a, b) (promised[a] != b)
#else
#define MAY_PROMISE(a, b) (promised[a] < b)
#endif

/* A candidate fences itself and asks. It may be what leads, or reads, under an older ballot: having promised higher it
 * does so no longer (every step of a proposer asks PROMISED_BY_PROPOSER). */
#define CAN_CAMPAIGN(b) (stage OF(b) == IDLE && promised[PROPOSER(b)] < b && MAY_VOTE(PROPOSER(b)))
inline Campaign(b) {
  printf("replica %d campaigns under %d\n", PROPOSER(b), b);
  HOLDS(P7, !forgot[PROPOSER(b)]);
  promised[PROPOSER(b)] = b;
  stage OF(b) = ASKING;
#if defined(NO_FENCE) || defined(NO_SELF_FENCE) /* broken: who could write here still can */
#else
  Fence(PROPOSER(b));
#endif
#ifndef MERGED
  given OF(b) = 1 << PROPOSER(b);
#endif
  d_step { Forget() }
}

/* An acceptor takes a Prepare, whenever it arrives: promises, fences, grants, examines its log, answers.
 *
 * Merged: promise and fence are one step, because bytes that land between the two could as well land before: a landing
 * write does not look at the promise. Two Prepares that meet there are served one after the other. The Promise that is
 * under way is what it says; when it is looked at is up to Choose, and one that is late or lost is one that is not.
 *
 * Merged (MERGED only): the candidate looks at the log itself and not at what the Promise says of it. A log that is
 * granted is changed by nobody before its holder leads.
 */
#define CAN_GRANT(a, b) (stage OF(b) != IDLE && PROPOSER(b) != a && MAY_PROMISE(a, b) && MAY_VOTE(a))
inline Grant(a, b) {
  printf("replica %d grants its log to %d of replica %d\n", a, b, PROPOSER(b));
  HOLDS(P1, promised[a] < b);
  HOLDS(P7, !forgot[a]);
  promised[a] = b;
#if defined(NO_FENCE) /* broken: who could write here still can */
#elif defined(FENCE_AFTER_PROMISE) /* broken: the fence takes effect later, LateFence */
#else
  Fence(a);
#endif
  d_step {
    if
#ifndef MERGED
    :: stage OF(b) == ASKING && PROMISED_BY_PROPOSER(b) ->
       Scan(a, e, x);
       PROMISE_END(b, a) = e;
       PROMISE_LAST(b, a) = x;
       PROMISE_COMMIT(b, a) = commit[a];
       given OF(b) = given OF(b) | (1 << a);
       e = 0; x = 0
#endif
    :: stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) -> Activate(b, a)
    :: else
    fi;
    Forget()
  }
}

#define CAN_FENCE_LATE(a) ((paths[a] & (255 - (1 << promised[a]))) != 0)
inline LateFence(a) {
  printf("replica %d fences all but %d\n", a, promised[a]);
  Fence(a);
  d_step { Forget() }
}

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

/* With the promises of the majority `m`, a set of replicas, chooses the best log.
 *
 * Merged (MERGED only): choosing, reading, checking what was read, and starting to lead. The logs of m cannot change
 * before b leads unless their owners promise higher; a candidate that read the whole of the source before that could
 * as well have started then: what it starts is writes that may all be late. One that reads too late, or in part, or
 * dies, is in ReadInVain.
 */
#ifdef MERGED
#define CAN_CHOOSE(b, m) \
  (stage OF(b) == ASKING && (m & (1 << PROPOSER(b))) && PROMISED_BY_PROPOSER(b) && \
   (!(m & 1) || promised[0] == b) && (!(m & 2) || promised[1] == b) && (!(m & 4) || promised[2] == b))
#else
#define CAN_CHOOSE(b, m) \
  (stage OF(b) == ASKING && PROMISED_BY_PROPOSER(b) && (m & (1 << PROPOSER(b))) && (given OF(b) & m) == m)
#endif
inline ChooseLog(b, m) {
  r = PROPOSER(b);
  s = r;
  c = commit[r];
  Scan(r, f, y);
  a = 0;
  do
  :: a < REPLICAS ->
     if
     :: (m & (1 << a)) && a != r ->
#ifdef MERGED
        HOLDS(P7, !forgot[a]);
        Scan(a, e, x);
        c = MAX(c, commit[a]);
#else
        e = PROMISE_END(b, a);
        x = PROMISE_LAST(b, a);
        c = MAX(c, PROMISE_COMMIT(b, a));
#endif
        if
        :: BETTER(x, e, y, f) -> s = a; f = e; y = x
        :: else
        fi
     :: else
     fi;
     a++
  :: else -> break
  od;
  HOLDS(P4, f >= commit[r]);
  WITNESSED(IS_ADOPTED, s != r && f > 0 && chosen[f - 1] != 0 && LOG(r, f - 1) != chosen[f - 1]);
  printf("replica %d, candidate under %d, chooses %d entries of replica %d\n", r, b, f, s);
#ifdef MERGED
  /* It takes that log from its own commit on, over its own suffix. */
  i = commit[r];
  do
  :: i < f -> LOG(r, i) = LOG(s, i); i++
  :: else -> break
  od;
  Finish(b)
#else
  if
  :: s == r -> Finish(b)
  :: else ->
     stage OF(b) = READING;
     source OF(b) = s;
     source_end OF(b) = f;
     source_last OF(b) = y;
     source_commit OF(b) = c;
     given OF(b) = 0;
     PROMISE_END(b, 0) = 0; PROMISE_LAST(b, 0) = 0; PROMISE_COMMIT(b, 0) = 0;
     PROMISE_END(b, 1) = 0; PROMISE_LAST(b, 1) = 0; PROMISE_COMMIT(b, 1) = 0;
     PROMISE_END(b, 2) = 0; PROMISE_LAST(b, 2) = 0; PROMISE_COMMIT(b, 2) = 0
  fi;
#endif
  r = 0; s = 0; c = 0; a = 0; i = 0; e = 0; f = 0; x = 0; y = 0
}

/* Reading: what stands in the source is copied to our own log, from our own commit on, in any order and perhaps in
 * part. The source may have been granted to somebody else meanwhile, whose writes then are seen, or are not. What has
 * been read when the candidate gives up, dies, or is fenced, stays. */
#ifdef LATE_READ /* broken: a read changes the reader's log after it has been granted to somebody else */
#define MAY_READ(b) (stage OF(b) == READING && SAME_LIFE(b))
#else
#define MAY_READ(b) (stage OF(b) == READING && PROMISED_BY_PROPOSER(b) && SAME_LIFE(b))
#endif
#ifdef READ_NEXT_LIFE /* broken: a read returns what a process has in its memory that has restarted meanwhile */
#define SAME_LIFE(b) (true)
#else
#define SAME_LIFE(b) (!forgot[source OF(b)])
#endif
#define CAN_READ_CELL(b, k) \
  (MAY_READ(b) && commit[PROPOSER(b)] <= k && k < source_end OF(b) && \
   LOG(PROPOSER(b), k) != LOG(source OF(b), k))
inline ReadCell(b, k) {
  printf("replica %d, candidate under %d, reads position %d\n", PROPOSER(b), b, k);
  HOLDS(P2, PROMISED_BY_PROPOSER(b));
  PutCell(PROPOSER(b), k, LOG(source OF(b), k))
}
#ifdef READ_CLEARS /* broken: what is read into is cleared first, also where it is equal */
#define CAN_CLEAR_CELL(b, k) \
  (MAY_READ(b) && commit[PROPOSER(b)] <= k && k < source_end OF(b) && LOG(PROPOSER(b), k) != 0)
inline ClearCell(b, k) {
  printf("replica %d, candidate under %d, clears position %d\n", PROPOSER(b), b, k);
  LOG(PROPOSER(b), k) = 0
}
#endif

#ifdef MERGED
/* A candidate that will not lead, and reads. */
#define CAN_READ_IN_VAIN(b, a) \
  (b < BALLOTS && stage OF(b) == ASKING && PROPOSER(b) != a && PROMISED_BY_PROPOSER(b) && promised[a] == b)
inline ReadInVain(b, a) {
  printf("replica %d, candidate under %d, reads replica %d in vain\n", PROPOSER(b), b, a);
  Scan(PROPOSER(b), f, y);
  Scan(a, e, x);
  if
  :: BETTER(x, e, y, f) && e > commit[PROPOSER(b)] ->
     stage OF(b) = READING;
     source OF(b) = a;
     source_end OF(b) = e
  :: else
  fi;
  e = 0; f = 0; x = 0; y = 0
}
/* It sees what is in flight to the source. */
#define CAN_READ_FLIGHT(b, k, w) \
  (MAY_READ(b) && commit[PROPOSER(b)] <= k && k < source_end OF(b) && IN_FLIGHT(w, source OF(b), k) && \
   LOG(PROPOSER(b), k) != LED(w, k))
inline ReadFlight(b, k, w) {
  printf("replica %d, candidate under %d, reads position %d, in flight of %d\n", PROPOSER(b), b, k, w);
  HOLDS(P2, PROMISED_BY_PROPOSER(b));
  PutCell(PROPOSER(b), k, LED(w, k))
}
#else
/* All has been read. Merged: it is tried when what was read is what was promised. A candidate that has read something
 * else gives up: it takes no further step. */
#define CAN_FINISH(b) (stage OF(b) == READING && PROMISED_BY_PROPOSER(b))
inline FinishReading(b) {
  r = PROPOSER(b);
  f = source_end OF(b);
  y = source_last OF(b);
  c = source_commit OF(b);
  Finish(b);
  r = 0; c = 0; a = 0; i = 0; e = 0; f = 0; x = 0; y = 0
}
#endif

/* P4 is about what is chosen under a lower ballot. With MERGED no higher one can have chosen: that takes a majority that
 * has promised higher, which leaves this candidate none. */
#ifdef MERGED
#define CHOSEN_BELOW(i, b) (chosen[i] != 0)
#else
#define CHOSEN_BELOW(i, b) (chosen[i] != 0 && chosen_under[i] < b)
#endif

/* r, the proposer of b, holds in its log what it has adopted: f entries, the last of ballot y. If the chain says so,
 * it moves its commit to the highest that it was promised, c, appends the ballot record and leads. */
inline Finish(b) {
  i = 0;
  x = 0;
  do
#ifdef NO_CHAIN
  :: i < f && LOG(r, i) != 0 -> x = BALLOT(LOG(r, i)); i++
#else
  :: i < f && LOG(r, i) != 0 && BEFORE(LOG(r, i)) == x -> x = BALLOT(LOG(r, i)); i++
#endif
  :: else -> break
  od;
  if
  :: i == f && x == y ->
     i = 0;
     do
     :: i < LENGTH ->
        HOLDS(P4, !CHOSEN_BELOW(i, b) || (i < f && SAME(LOG(r, i), chosen[i])));
        i++
     :: else -> break
     od;
     HOLDS(P4, c <= f);
     commit[r] = MAX(commit[r], c);
     word OF(b) = commit[r];
#ifdef RESTAMP /* broken: what is adopted gets the ballot that it is accepted under */
     i = commit[r];
     do
     :: i < f ->
        LOG(r, i) = CELL(VALUE(LOG(r, i)), b, (i > 0 -> BALLOT(LOG(r, i - 1)) : 0));
        i++
     :: else -> break
     od;
     if
     :: f > 0 -> y = BALLOT(LOG(r, f - 1))
     :: else
     fi;
#endif
     LOG(r, f) = CELL(b, b, y);
     i = 0;
     do
     :: i <= f ->
        HOLDS(P3, LED(b, i) == 0);
        LED(b, i) = LOG(r, i);
        if
        :: BEFORE(LED(b, i)) == BALLOT(LED(b, i)) -> commands OF(b)++ /* the others are ballot records */
        :: else
        fi;
        if
        :: BALLOT(LED(b, i)) != b && stage OF(BALLOT(LED(b, i))) == LEADING ->
           HOLDS(P3, LED(b, i) == LED(BALLOT(LED(b, i)), i))
        :: else
        fi;
        i++
     :: else -> break
     od;
     end OF(b) = f + 1;
     record_end OF(b) = f + 1;
     ACCEPTED(b, r) = f + 1;
     printf("replica %d leads %d, from position %d\n", r, b, f);
     stage OF(b) = LEADING;
     source OF(b) = 0; source_end OF(b) = 0;
#ifndef MERGED
     ForgetPromises(b);
#endif
     a = 0;
     do
     :: a < REPLICAS ->
        if
        :: a != r && promised[a] == b -> Activate(b, a)
        :: else
        fi;
        a++
     :: else -> break
     od
  :: else
#ifdef MERGED
     -> HOLDS(P4, false); /* nothing can have come between */
     stage OF(b) = GONE
#endif
  fi
}

/* ---- phase 2 ---------------------------------------------------------------------------------------------------- */

/* Merged: what is appended is at once in flight to every follower. A leader that has not posted it yet, or has died
 * first, is one whose write does not arrive. */
#define CAN_APPEND(b) (stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) && commands OF(b) < SLOTS && end OF(b) < LENGTH)
inline Append(b) {
  printf("leader of %d appends at %d\n", b, end OF(b));
  HOLDS(P3, LED(b, end OF(b)) == 0);
  LED(b, end OF(b)) = CELL(b, b, b);
  LOG(PROPOSER(b), end OF(b)) = CELL(b, b, b);
  end OF(b)++;
  commands OF(b)++;
  ACCEPTED(b, PROPOSER(b)) = end OF(b);
  Choose(b)
}

#ifdef REWRITE /* broken: a leader replaces the last command, which it takes for unaccepted, by another */
#define CAN_REWRITE(b) \
  (b < BALLOTS && stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) && end OF(b) > record_end OF(b) && \
   word OF(b) < end OF(b) && VALUE(LED(b, end OF(b) - 1)) == b)
inline Rewrite(b) {
  printf("leader of %d replaces its entry at %d\n", b, end OF(b) - 1);
  HOLDS(P3, LED(b, end OF(b) - 1) == 0);
  LED(b, end OF(b) - 1) = CELL(3, b, b);
  LOG(PROPOSER(b), end OF(b) - 1) = CELL(3, b, b)
}
#endif

#ifdef MERGED
/* The next bytes of b's log are in a's memory: up to b's ballot record first, then entry by entry. */
#define CAN_LAND(b, a) (OPEN(a, b) && ACCEPTED(b, a) < end OF(b))
inline Land(b, a) {
  HOLDS(P2, promised[a] == b);
  HOLDS(P7, !forgot[a]);
  n = MAX(ACCEPTED(b, a) + 1, record_end OF(b));
  i = 0;
  do
  :: i < n ->
     WITNESSED(IS_OVERWRITTEN, LOG(a, i) != 0 && LOG(a, i) != LED(b, i));
     LOG(a, i) = LED(b, i);
     i++
  :: else -> break
  od;
  printf("%d has landed at replica %d up to %d\n", b, a, n);
  n = 0;
  Count(b, a)
}
#else
/* An entry of b's log, or part of it, lands in a's memory. */
#define CAN_ARRIVE(b, a, k) IN_FLIGHT(b, a, k)
inline Arrive(b, a, k) {
  printf("%d writes position %d of replica %d\n", b, k, a);
  HOLDS(P2, promised[a] == b);
  HOLDS(P7, !forgot[a]);
  WITNESSED(IS_OVERWRITTEN, LOG(a, k) != 0);
  PutCell(a, k, LED(b, k));
  d_step { Count(b, a) }
}
#endif

/* The leader commits what a majority has accepted. */
#define CAN_COMMIT(b) (stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) && REACHED(b) > word OF(b))
inline Commit(b) {
  word OF(b) = REACHED(b);
  HOLDS(P5, commit[PROPOSER(b)] <= word OF(b));
  commit[PROPOSER(b)] = word OF(b);
  printf("leader of %d commits up to %d\n", b, word OF(b));
  Committed(PROPOSER(b))
}

/* a's commit may pass only what is chosen. */
inline Committed(a) {
  i = 0;
  do
  :: i < commit[a] ->
     HOLDS(P5, chosen[i] != 0);
     AGREES(chosen[i] == 0 || VALUE(chosen[i]) == VALUE(LOG(a, i)));
     i++
  :: else -> break
  od;
  i = 0
}

/* A follower's commit is min(commit word, valid end), once its chain holds the ballot that it has granted.
 *
 * Merged: posting the word, its landing, and looking at it. A word that is older says less, and would have been looked
 * at earlier; one that a fence keeps out is one that is not looked at.
 */
#define CAN_LEARN(b, a) (OPEN(a, b) && promised[a] == b && word OF(b) > commit[a])
inline Learn(b, a) {
  Scan(a, e, x);
  if
#ifdef LEARN_EARLY /* broken: also while the chain may go on in an old suffix */
  :: MIN(word OF(b), e) > commit[a] ->
#else
  :: x == b && MIN(word OF(b), e) > commit[a] ->
#endif
     commit[a] = MIN(word OF(b), e);
     printf("replica %d commits up to %d, by the word of %d\n", a, commit[a], b);
     WITNESSED(IS_LEARNED, b == BALLOTS);
     Committed(a)
  :: else
  fi;
  e = 0; x = 0
}

/* ---- crashes ----------------------------------------------------------------------------------------------------
 * A process that stops, for a while or for good, takes no steps; its writes in flight still arrive. Every state allows
 * that, so it needs no step. This is the other kind: a restart that has lost log, commit and promises. Writes to the
 * former incarnation fail; those that it has posted arrive.
 */
#define CAN_RESTART(a) (!forgot[0] && !forgot[1] && !forgot[2])
inline Restart(a) {
  printf("replica %d restarts without its memory\n", a);
  forgot[a] = 1;
  promised[a] = 0;
  paths[a] = 0;
  commit[a] = 0;
  i = 0;
  do
  :: i < LENGTH -> LOG(a, i) = 0; i++
  :: else -> break
  od;
  i = 0;
  Forget()
}

/* ---- the world --------------------------------------------------------------------------------------------------
 * Replicas are alike until they propose, so ballot 1 is replica 0's, and a new proposer is always the next replica.
 */
#define STEPS_OF_BALLOT(b) \
  :: atomic { CAN_CAMPAIGN(b) -> Campaign(b) } \
  :: d_step { CAN_CHOOSE(b, 3) -> ChooseLog(b, 3) } \
  :: d_step { CAN_CHOOSE(b, 5) -> ChooseLog(b, 5) } \
  :: d_step { CAN_CHOOSE(b, 6) -> ChooseLog(b, 6) } \
  :: d_step { CAN_CHOOSE(b, 7) -> ChooseLog(b, 7) } \
  :: d_step { CAN_APPEND(b) -> Append(b) } \
  :: d_step { CAN_COMMIT(b) -> Commit(b) } \
  STEPS_BETWEEN(b, 0) STEPS_BETWEEN(b, 1) STEPS_BETWEEN(b, 2) \
  STEPS_AT(b, 0) STEPS_AT(b, 1) STEPS_AT(b, 2) STEPS_AT(b, 3) STEPS_AT_4(b) STEPS_AT_5(b)
#define STEPS_BETWEEN(b, a) \
  :: atomic { CAN_GRANT(a, b) -> Grant(a, b) } \
  :: d_step { CAN_LEARN(b, a) -> Learn(b, a) } \
  STEPS_BETWEEN_MORE(b, a)
#ifdef MERGED
#define STEPS_BETWEEN_MORE(b, a) \
  :: d_step { CAN_READ_IN_VAIN(b, a) -> ReadInVain(b, a) } \
  :: d_step { CAN_LAND(b, a) -> Land(b, a) }
#define STEPS_AT(b, k) \
  :: atomic { CAN_READ_CELL(b, k) -> ReadCell(b, k) } \
  :: atomic { CAN_READ_FLIGHT(b, k, BALLOTS) -> ReadFlight(b, k, BALLOTS) } \
  :: atomic { CAN_READ_FLIGHT(b, k, BALLOTS - 1) -> ReadFlight(b, k, BALLOTS - 1) }
#else
#define STEPS_BETWEEN_MORE(b, a)
#define STEPS_AT(b, k) \
  :: atomic { CAN_READ_CELL(b, k) -> ReadCell(b, k) } \
  STEP_CLEAR(b, k) \
  :: atomic { CAN_ARRIVE(b, 0, k) -> Arrive(b, 0, k) } \
  :: atomic { CAN_ARRIVE(b, 1, k) -> Arrive(b, 1, k) } \
  :: atomic { CAN_ARRIVE(b, 2, k) -> Arrive(b, 2, k) }
#endif
#ifdef READ_CLEARS
#define STEP_CLEAR(b, k) :: atomic { CAN_CLEAR_CELL(b, k) -> ClearCell(b, k) }
#else
#define STEP_CLEAR(b, k)
#endif
#if LENGTH > 4
#define STEPS_AT_4(b) STEPS_AT(b, 4)
#else
#define STEPS_AT_4(b)
#endif
#if LENGTH > 5
#define STEPS_AT_5(b) STEPS_AT(b, 5)
#else
#define STEPS_AT_5(b)
#endif

init {
  byte a, b, c, r, s, w, i, n, e, f, x, y;

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
  STEPS_OF_BALLOT(1)
  STEPS_OF_BALLOT(2)
#if BALLOTS > 2
  STEPS_OF_BALLOT(3)
#endif
#if BALLOTS > 3
  STEPS_OF_BALLOT(4)
#endif
#ifndef MERGED
  :: d_step { CAN_FINISH(1) -> FinishReading(1) }
  :: d_step { CAN_FINISH(2) -> FinishReading(2) }
#if BALLOTS > 2
  :: d_step { CAN_FINISH(3) -> FinishReading(3) }
#endif
#if BALLOTS > 3
  :: d_step { CAN_FINISH(4) -> FinishReading(4) }
#endif
#endif
#if RESTARTS
  :: d_step { CAN_RESTART(0) -> Restart(0) }
  :: d_step { CAN_RESTART(1) -> Restart(1) }
  :: d_step { CAN_RESTART(2) -> Restart(2) }
#endif
#ifdef FENCE_AFTER_PROMISE
  :: atomic { CAN_FENCE_LATE(0) -> LateFence(0) }
  :: atomic { CAN_FENCE_LATE(1) -> LateFence(1) }
  :: atomic { CAN_FENCE_LATE(2) -> LateFence(2) }
#endif
#ifdef REWRITE
  :: d_step { CAN_REWRITE(1) -> Rewrite(1) }
#endif
  od
}
