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
byte chosen[LENGTH];
bool agreement = true, P1 = true, P2 = true, P3 = true, P4 = true, P5 = true, P7 = true; /* names in messages */
#if WITNESS
bool witness = true;
#endif

#define LOG(a, i) log[(a) * LENGTH + (i)]
#define LED(b, i) led[((b) - 1) * LENGTH + (i)]
#define ACCEPTED(b, a) accepted[((b) - 1) * REPLICAS + (a)]
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
#define HOLDS(name, condition) assert(name && (condition))
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
        WITNESSED(IS_CHOSEN, i == LENGTH - 1);
        WITNESSED(IS_AFTER_RESTART, b == BALLOTS && (forgot[0] || forgot[1] || forgot[2]))
     :: else
     fi;
     HOLDS(P4, SAME(chosen[i], LED(b, i)));
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

/* a has granted its log to b, which leads: from here on everything in b's log is in flight to a, and so is what it
 * appends later. */
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
  i = 0;
#ifdef WRITE_FROM_END
  Scan(a, e, x);
  FIRST_WRITTEN(b, a) = e;
  e = 0; x = 0
#endif
}

/* May a write of w still change cell i of a? */
#ifdef WRITE_FROM_END
#define IN_FLIGHT(w, a, i) (OPEN(a, w) && i < end OF(w) && i >= FIRST_WRITTEN(w, a) && LOG(a, i) != LED(w, i))
#else
#define IN_FLIGHT(w, a, i) (OPEN(a, w) && i < end OF(w) && LOG(a, i) != LED(w, i))
#endif

/* Ends every path into a's log. Of each cell in flight nothing, a part or the whole has arrived.
 *
 * Merged: what arrives out of order is decided here and not when it lands. Until a's log is examined under a new
 * grant, such a cell is seen by nobody: a counts as having accepted, and learns, only along a chain that has arrived
 * without gap and holds the leader's ballot record (Land). A candidate that still reads this log is given the same
 * choice (ReadCell).
 */
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
        :: LOG(a, i) = LED(w, i)
        :: LOG(a, i) != 0 -> WITNESSED(IS_TORN, BALLOT(LOG(a, i)) < w); LOG(a, i) = 0
        fi;
        i++
     :: i < LENGTH && !IN_FLIGHT(w, a, i) -> i++
     od;
     paths[a] = paths[a] & (255 - (1 << w));
     w++
  :: w <= BALLOTS && w == promised[a] -> w++
  :: w > BALLOTS -> break
  od;
  w = 0; i = 0
}

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

/* A candidate fences itself and asks. It may be what leads, or reads, under an older ballot: having promised higher it
 * does so no longer (every step of a proposer asks PROMISED_BY_PROPOSER). */
#define CAN_CAMPAIGN(b) (stage OF(b) == IDLE && promised[PROPOSER(b)] < b && MAY_VOTE(PROPOSER(b)))
inline Campaign(b) {
  promised[PROPOSER(b)] = b;
  stage OF(b) = ASKING;
#if defined(NO_FENCE) || defined(NO_SELF_FENCE) /* broken: who could write here still can */
#else
  Fence(PROPOSER(b));
#endif
  d_step { HOLDS(P7, !forgot[PROPOSER(b)]); Forget() }
}

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

/* An acceptor takes a Prepare, whenever it arrives: promises, fences, grants, and examines its log.
 *
 * Merged: promise and fence are one step, because bytes that land between the two could as well land before: a landing
 * write does not look at the promise. Two Prepares that meet there are served one after the other. The Promise is no
 * message of its own: a log that is granted changes by nobody before its holder leads, so that the holder may as well
 * look at it when it chooses (Lead), and a Promise that is late or lost is one that is not looked at.
 */
#define CAN_GRANT(a, b) \
  (stage OF(b) != IDLE && PROPOSER(b) != a && MAY_PROMISE(a, b) && MAY_VOTE(a))
inline Grant(a, b) {
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
    :: stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) -> Activate(b, a)
    :: else
    fi;
    Forget()
  }
}

#define CAN_FENCE_LATE(a) ((paths[a] & (255 - (1 << promised[a]))) != 0)
inline LateFence(a) {
  Fence(a);
  d_step { Forget() }
}

/* Is the log with last ballot x and end e to be preferred to that with y and f? */
#if defined(LOWER_BALLOT_WINS) /* broken */
#define BETTER(x, e, y, f) (y == 0 && x != 0 || x != 0 && x < y || x == y && e > f)
#elif defined(LONGEST_WINS) /* broken: whatever its ballot */
#define BETTER(x, e, y, f) (e > f || e == f && x > y)
#elif defined(SHORTEST_WINS) /* broken: among equals */
#define BETTER(x, e, y, f) (x > y || x == y && e < f)
#else
#define BETTER(x, e, y, f) (x > y || x == y && e > f)
#endif

/* With the promises of the majority `m` (a set of replicas), adopts the best log, appends the ballot record, leads.
 *
 * Merged: choosing, reading, checking what was read, and starting. The logs of m cannot change before b leads unless
 * their owners promise higher; a candidate that read the whole of the source before that could as well have started
 * then: what it starts is writes that may all be late. One that reads too late, or in part, or dies, is in BeginRead.
 */
#define CAN_LEAD(b, m) \
  (stage OF(b) == ASKING && (m & (1 << PROPOSER(b))) && PROMISED_BY_PROPOSER(b) && \
   (!(m & 1) || promised[0] == b) && (!(m & 2) || promised[1] == b) && (!(m & 4) || promised[2] == b))
inline Lead(b, m) {
  r = PROPOSER(b);
  s = r;
  Scan(r, f, y);
  a = 0;
  do
  :: a < REPLICAS ->
     if
     :: (m & (1 << a)) && a != r ->
        Scan(a, e, x);
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
  /* The log is taken from our own commit on, over our own suffix. */
  i = commit[r];
  do
  :: i < f -> LOG(r, i) = LOG(s, i); i++
  :: else -> break
  od;
  Scan(r, e, x);
  i = 0; /* of what we now hold: a stale entry may continue the adopted log, but not as far as its end */
  x = 0;
  do
  :: i < f ->
     HOLDS(P4, BEFORE(LOG(r, i)) == x);
     x = BALLOT(LOG(r, i));
     i++
  :: else -> break
  od;
  HOLDS(P4, x == y);
  if
  :: e >= f && x == y -> /* else it gives up */
     /* P4: what is chosen is in it. So is what is chosen under a higher ballot: a majority that has promised higher
      * has left this candidate none. */
     i = 0;
     do
     :: i < LENGTH ->
        HOLDS(P4, chosen[i] == 0 || (i < f && SAME(LOG(r, i), chosen[i])));
        i++
     :: else -> break
     od;
     a = 0;
     do
     :: a < REPLICAS ->
        if
        :: (m & (1 << a)) -> HOLDS(P7, !forgot[a]); commit[r] = MAX(commit[r], commit[a])
        :: else
        fi;
        a++
     :: else -> break
     od;
     HOLDS(P4, commit[r] <= f);
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
     x = 0;
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
     stage OF(b) = LEADING;
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
  :: else -> stage OF(b) = GONE
  fi;
  r = 0; s = 0; a = 0; i = 0; e = 0; f = 0; x = 0; y = 0
}

/* A candidate whose reading will not be whole: the source is granted to somebody else meanwhile, or the reader dies or
 * gives up. What has been read stands in its log when that is granted to the next. */
#define CAN_BEGIN_READ(b, a) \
  (b < BALLOTS && stage OF(b) == ASKING && PROPOSER(b) != a && PROMISED_BY_PROPOSER(b) && promised[a] == b)
inline BeginRead(b, a) {
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

#ifdef LATE_READ /* broken: a read changes the reader's log after it has been granted to somebody else */
#define CAN_READ_CELL(b, k) (stage OF(b) == READING && commit[PROPOSER(b)] <= k && k < source_end OF(b))
#else
#define CAN_READ_CELL(b, k) \
  (stage OF(b) == READING && PROMISED_BY_PROPOSER(b) && commit[PROPOSER(b)] <= k && k < source_end OF(b))
#endif
inline ReadCell(b, k) {
  HOLDS(P2, PROMISED_BY_PROPOSER(b));
  WITNESSED(IS_SPOILT, LOG(PROPOSER(b), k) != 0);
  if
  :: LOG(PROPOSER(b), k) != 0 -> LOG(PROPOSER(b), k) = 0
  :: LOG(PROPOSER(b), k) != LOG(source OF(b), k) -> LOG(PROPOSER(b), k) = LOG(source OF(b), k)
  :: else
  fi
}
/* The same from what is in flight to the source. */
#define CAN_READ_FLIGHT(b, k, w) (CAN_READ_CELL(b, k) && IN_FLIGHT(w, source OF(b), k))
inline ReadFlight(b, k, w) {
  HOLDS(P2, PROMISED_BY_PROPOSER(b));
  LOG(PROPOSER(b), k) = LED(w, k)
}

/* ---- phase 2 ---------------------------------------------------------------------------------------------------- */

/* Merged: what is appended is at once in flight to every follower. A leader that has not posted it yet, or has died
 * first, is one whose write does not arrive. */
#define CAN_APPEND(b) (stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) && commands OF(b) < SLOTS && end OF(b) < LENGTH)
inline Append(b) {
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
  HOLDS(P3, LED(b, end OF(b) - 1) == 0);
  LED(b, end OF(b) - 1) = CELL(3, b, b);
  LOG(PROPOSER(b), end OF(b) - 1) = CELL(3, b, b)
}
#endif

/* The next bytes of b's log are in a's memory: up to b's ballot record first, then entry by entry.
 *
 * Merged: landing and counting. A completion that comes later, also after a has promised somebody else, makes the
 * leader know later (Commit); that it never comes makes it know never. Chosen is what has landed.
 */
#define CAN_LAND(b, a) (OPEN(a, b) && ACCEPTED(b, a) < end OF(b))
inline Land(b, a) {
  HOLDS(P2, promised[a] == b);
  HOLDS(P7, !forgot[a]);
#ifdef COUNT_BEFORE_RECORD /* broken: what lies before the ballot record counts as accepted when it has arrived */
  ACCEPTED(b, a) = MAX(ACCEPTED(b, a), commit[a]) + 1;
#else
  ACCEPTED(b, a) = MAX(ACCEPTED(b, a) + 1, record_end OF(b));
#endif
  i = 0;
  do
  :: i < ACCEPTED(b, a) ->
     if
#ifdef COUNT_POSTED /* broken: counted when posted, arrives whenever */
     :: true
#endif
#ifdef WRITE_FROM_END /* broken: what the follower holds up to its valid end is taken for equal */
     :: i < FIRST_WRITTEN(b, a)
#endif
     :: else ->
        WITNESSED(IS_OVERWRITTEN, LOG(a, i) != 0 && LOG(a, i) != LED(b, i));
        LOG(a, i) = LED(b, i)
     fi;
     i++
  :: else -> break
  od;
  i = 0;
  Choose(b)
}

/* The leader commits what a majority has accepted. */
#define CAN_COMMIT(b) (stage OF(b) == LEADING && PROMISED_BY_PROPOSER(b) && REACHED(b) > word OF(b))
inline Commit(b) {
  word OF(b) = REACHED(b);
  HOLDS(P5, commit[PROPOSER(b)] <= word OF(b));
  commit[PROPOSER(b)] = word OF(b);
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
#define EACH_BALLOT_OF(b) \
  :: atomic { CAN_CAMPAIGN(b) -> Campaign(b) } \
  :: d_step { CAN_LEAD(b, 3) -> Lead(b, 3) } \
  :: d_step { CAN_LEAD(b, 5) -> Lead(b, 5) } \
  :: d_step { CAN_LEAD(b, 6) -> Lead(b, 6) } \
  :: d_step { CAN_LEAD(b, 7) -> Lead(b, 7) } \
  :: d_step { CAN_APPEND(b) -> Append(b) } \
  :: d_step { CAN_COMMIT(b) -> Commit(b) } \
  EACH_REPLICA_OF(b, 0) EACH_REPLICA_OF(b, 1) EACH_REPLICA_OF(b, 2)
#define EACH_REPLICA_OF(b, a) \
  :: atomic { CAN_GRANT(a, b) -> Grant(a, b) } \
  :: d_step { CAN_BEGIN_READ(b, a) -> BeginRead(b, a) } \
  :: d_step { CAN_LAND(b, a) -> Land(b, a) } \
  :: d_step { CAN_LEARN(b, a) -> Learn(b, a) }
/* A candidate of ballot 1 finds nothing to read, and nobody comes after one of the last ballot. */
#define EACH_POSITION_OF(b, k) \
  :: atomic { CAN_READ_CELL(b, k) -> ReadCell(b, k) } \
  EACH_FLIGHT_OF(b, k, BALLOTS) EACH_FLIGHT_OF(b, k, BALLOTS - 1)
#define EACH_FLIGHT_OF(b, k, w) \
  :: d_step { CAN_READ_FLIGHT(b, k, w) -> ReadFlight(b, k, w) }

init {
  byte a, b, r, s, w, i, n, e, f, x, y;

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
  EACH_BALLOT_OF(1)
  EACH_BALLOT_OF(2)
#if BALLOTS > 2
  EACH_BALLOT_OF(3)
#endif
#if BALLOTS > 3
  EACH_BALLOT_OF(4)
#endif
#if BALLOTS > 2
  EACH_POSITION_OF(2, 0) EACH_POSITION_OF(2, 1) EACH_POSITION_OF(2, 2) EACH_POSITION_OF(2, 3)
#if LENGTH > 4
  EACH_POSITION_OF(2, 4)
#endif
#endif
#if BALLOTS > 3
  EACH_POSITION_OF(3, 0) EACH_POSITION_OF(3, 1) EACH_POSITION_OF(3, 2) EACH_POSITION_OF(3, 3)
#if LENGTH > 4
  EACH_POSITION_OF(3, 4)
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
