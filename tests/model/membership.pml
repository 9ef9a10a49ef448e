/* Who counts while members change: Multi-Paxos whose configuration stands in its log.
 *
 * README.md has the bounds, the results, and which line here stands for which code; decisions 16 and 17 have the rules
 * and the argument. How entries get from one memory into another is fenced_log.pml's matter. Here an acceptor takes in a
 * ballot's log whole or not at all past its record, and what is looked at is who may decide with whom.
 *
 * Four members, which are incarnations: 0, 1 and 2 are the voters that the group began with; 3 is the newcomer, another
 * replica or the next life of 0. Who votes by the log that it holds may lead.
 *
 * Bounds, set with -D:
 *   BALLOTS    ballots 1 to BALLOTS, at most 3; each is led at most once
 *   LENGTH     entries that a log may hold, ballot records with them
 *   COMMANDS   of them, at most so many of one ballot are commands
 *   REMOVALS   1: members may be removed
 *   NEWCOMER   1: member 3 may be admitted as one more voter; 2: in place of 0, whose memory is lost
 *
 * A broken variant is chosen by one more -D; each is explained where it is used. WITNESS=n makes something good an
 * error: that it is found shows that it can happen.
 *
 * There is one process, and each step is one atomic change of the whole state, as in fenced_log.pml.
 */

/* What WITNESS may name. */
#define IS_ADMITTED 1     /* a value is committed that the newcomer's vote was needed for */
#define IS_UNDECIDED 2    /* a candidate adopts a change that is not known to be chosen */
#define IS_DROPPED 3      /* a candidate leads without a change that stands in another log */
#define IS_SHRUNK 4       /* a single member is all that is left, and commits */

#ifndef BALLOTS
#define BALLOTS 3
#endif
#ifndef LENGTH
#define LENGTH 5
#endif
#ifndef COMMANDS
#define COMMANDS 1
#endif
#ifndef REMOVALS
#define REMOVALS 1
#endif
#ifndef NEWCOMER
#define NEWCOMER 1
#endif
#ifndef WITNESS
#define WITNESS 0
#endif
#define MEMBERS 4
#define BEGUN_WITH 7 /* members 0, 1 and 2, as a set of bits */
#if LENGTH > 6 || LENGTH < 2 || BALLOTS < 2 || BALLOTS > 3
#error "bounds that the model is not written for"
#endif

/* ---- entries: the ballot that proposed it, and what it is. (ballot, position) names an entry: P3 ------------------ */

#define RECORD 1
#define COMMAND 2
#define ADMIT 3 /* member 3 votes from here on: one more, or in place of 0 */
#define REMOVE 4 /* and the three after it: member 0, 1, 2, 3 */
#define CELL(ballot, kind) (((ballot) << 4) | (kind))
#define KIND(cell) ((cell) & 15)
#define CHANGES(cell) (KIND(cell) >= ADMIT)

/* ---- state ------------------------------------------------------------------------------------------------------ */

byte promised[MEMBERS];
byte holds[MEMBERS];  /* the ballot whose log it has accepted, past the record; 0: none */
byte length[MEMBERS]; /* how far */
byte commit[MEMBERS]; /* what it knew to be committed when it last promised, see Know */
bit lost[MEMBERS]; /* its process has lost its memory: this incarnation does nothing more */

#define IDLE 0
#define ASKING 1
#define LEADING 2
#define GONE 3 /* has no effect any more, see Forget */
byte stage[BALLOTS];
byte proposer[BALLOTS];
byte given[BALLOTS]; /* ASKING: who has promised, and what each held then */
byte promise_holds[BALLOTS * MEMBERS], promise_length[BALLOTS * MEMBERS], promise_commit[BALLOTS * MEMBERS];
byte led[BALLOTS * LENGTH]; /* LEADING: its one log. Only appended to */
byte end[BALLOTS], record_end[BALLOTS], commands[BALLOTS];
byte word[BALLOTS]; /* its leader's commit */
byte accepted[BALLOTS * MEMBERS]; /* how far each member has accepted under it */

/* Ghosts. */
byte committed[LENGTH];       /* the entry */
byte committed_under[LENGTH]; /* the ballot that committed it first */
bool agreement = true, P4_ = true; /* names, for messages */
#if WITNESS
bool witness = true;
#endif

#define OF(b) [(b) - 1]
#define LED(b, i) led[((b) - 1) * LENGTH + (i)]
#define WITH(b, a) [((b) - 1) * MEMBERS + (a)]
#define LEADS(b) (stage OF(b) == LEADING && promised[proposer OF(b)] == (b) && !lost[proposer OF(b)])

#if WITNESS
#define WITNESSED(number, condition) assert(!(witness && WITNESS == number && (condition)))
#else
#define WITNESSED(number, condition) skip
#endif
#ifdef ONLY_AGREEMENT
#define P4_HOLDS(condition) skip
#else
#define P4_HOLDS(condition) assert(P4_ && (condition))
#endif

/* ---- who counts ------------------------------------------------------------------------------------------------- */

#define SIZE(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1) + (((set) >> 3) & 1))
#define MAJORITY(set, of) (2 * SIZE((set) & (of)) > SIZE(of))

/* What the first `n` entries of b's log make of the group: `was` before the last change that stands there, `is` after it;
 * `at` is the end of that change, 0 for none. Who has been removed does not come back (`gone`). */
inline Configure(b, n) {
  is = BEGUN_WITH;
  was = BEGUN_WITH;
  gone = 0;
  at = 0;
  i = 0;
  do
  :: i < (n) ->
     if
     :: CHANGES(LED(b, i)) ->
        was = is;
        at = i + 1;
        if
        :: KIND(LED(b, i)) == ADMIT ->
#if NEWCOMER == 2
           is = is & 14;
#endif
           is = is | 8
        :: else ->
           is = is & (15 - (1 << (KIND(LED(b, i)) - REMOVE)));
           gone = gone | (1 << (KIND(LED(b, i)) - REMOVE))
        fi
     :: else
     fi;
     i++
  :: else -> break
  od
}

/* Whether `set` decides, by what Configure found, when everything up to `known` is known to be chosen. While the last change
 * is not, both sides must agree; of a replacement neither incarnation counts meanwhile. */
#if NEWCOMER == 2
#define COUNTED(known) (at > (known) && (was & 8) == 0 && (is & 8) != 0 -> 6 : 15)
#else
#define COUNTED(known) 15
#endif
#if defined(AFTER_ALONE) /* broken: the new configuration counts alone from the entry on */
#define DECIDES(set, known) MAJORITY(set, is)
#elif defined(FORMER_SELF) /* broken: the next life of 0 counts as 0 did */
#define DECIDES(set, known) MAJORITY((set) | (((set) >> 3) & 1), BEGUN_WITH)
#else
#define DECIDES(set, known) \
  (MAJORITY((set) & COUNTED(known), is) && (at <= (known) || MAJORITY((set) & COUNTED(known), was)))
#endif

/* ---- phase 1 ---------------------------------------------------------------------------------------------------- */

/* Merged: the word reaches whoever can be reached at once, as knowing more forbids nobody anything: what a majority of the
 * newer configuration decides includes all that both decide. One who has promised higher learns no more. */
inline Know() {
  if
  :: holds[a] != 0 && promised[a] == holds[a] && stage OF(holds[a]) == LEADING && commit[a] < word OF(holds[a]) ->
     commit[a] = (word OF(holds[a]) < length[a] -> word OF(holds[a]) : length[a])
  :: else
  fi
}
inline Promise() {
  Know();
  promised[a] = b;
  given OF(b) = given OF(b) | (1 << a);
  promise_holds WITH(b, a) = holds[a];
  promise_length WITH(b, a) = length[a];
  promise_commit WITH(b, a) = commit[a]
}

#define CAN_CAMPAIGN(b) (stage OF(b) == IDLE && promised[proposer OF(b)] < b && !lost[proposer OF(b)])
inline Campaign() {
  a = proposer OF(b);
  if
  :: holds[a] == 0 -> Configure(1, 0)
  :: else -> Configure(holds[a], length[a])
  fi;
  if
  :: (was | is) & (1 << a) ->
     printf("member %d campaigns under %d\n", a, b);
     stage OF(b) = ASKING;
     Promise()
  :: else
  fi
}

/* Merged: a Promise that is late, or lost, is one that the candidate does not look at. */
#define CAN_GRANT(b, a) (stage OF(b) == ASKING && promised[a] < b && !lost[a])

/* With the promises of k, a set that decides by the log that is adopted, the candidate leads. The log is of the highest
 * ballot, and the longest of those. */
#define CAN_LEAD(b, k) \
  (stage OF(b) == ASKING && promised[proposer OF(b)] == b && !lost[proposer OF(b)] && (k & (1 << proposer OF(b))) && \
   (given OF(b) & k) == k)
inline Lead() {
  x = 0; /* ballot and length of the best */
  e = 0;
  n = 0; /* known to be chosen */
  a = 0;
  do
  :: a < MEMBERS ->
     if
     :: k & (1 << a) ->
        if
        :: promise_holds WITH(b, a) > x || (promise_holds WITH(b, a) == x && promise_length WITH(b, a) > e) ->
           x = promise_holds WITH(b, a);
           e = promise_length WITH(b, a)
        :: else
        fi;
        if
        :: promise_commit WITH(b, a) > n -> n = promise_commit WITH(b, a)
        :: else
        fi
     :: else
     fi;
     a++
  :: else -> break
  od;
  a = proposer OF(b);
  /* e == 0 where nobody has accepted anything: Configure then looks at no entry. */
  if
  :: x == 0 -> r = 1
  :: else -> r = x
  fi;
#ifdef OWN_LOG_COUNTS /* broken: the candidate counts by what it held before it adopted */
  if
  :: holds[a] == 0 -> Configure(1, 0)
  :: else -> Configure(holds[a], length[a])
  fi;
#else
  Configure(r, e);
#endif
  if
  :: DECIDES(k, n) && e < LENGTH ->
     printf("member %d leads %d, from position %d, with %d\n", a, b, e, k);
     WITNESSED(IS_UNDECIDED, at > n);
     WITNESSED(IS_DROPPED, x < holds[0] || x < holds[1] || x < holds[2]);
     i = 0;
     do
     :: i < e -> LED(b, i) = LED(r, i); i++
     :: else -> break
     od;
     LED(b, e) = CELL(b, RECORD);
     end OF(b) = e + 1;
     record_end OF(b) = e + 1;
     word OF(b) = n;
     stage OF(b) = LEADING;
     ForgetPromises(b);
     commit[a] = n;
     holds[a] = b;
     length[a] = e + 1;
     accepted WITH(b, a) = e + 1;
     i = 0;
     do
     :: i < LENGTH ->
        P4_HOLDS(committed[i] == 0 || committed_under[i] > b || (i < e && LED(b, i) == committed[i]));
        i++
     :: else -> break
     od
  :: else
  fi
}

/* ---- phase 2 ---------------------------------------------------------------------------------------------------- */

#define CAN_APPEND(b) (LEADS(b) && end OF(b) < LENGTH)
#define CAN_COMMAND(b) (CAN_APPEND(b) && commands OF(b) < COMMANDS)
inline Append() {
  a = proposer OF(b);
  LED(b, end OF(b)) = CELL(b, k);
  end OF(b) = end OF(b) + 1;
  length[a] = end OF(b);
  accepted WITH(b, a) = end OF(b)
}

/* A change is appended when the own ballot record and the change before it are committed, and if it makes a difference. */
#define HAS_EFFECT \
  (k == ADMIT -> ((is | gone) & 8) == 0 && (NEWCOMER == 1 || (lost[0] && (is & 1))) : \
                 (is & (1 << (k - REMOVE))) != 0 && is != (1 << (k - REMOVE)))
inline Change() {
  Configure(b, end OF(b));
  if
#ifdef TWO_UNDECIDED /* broken: while the change before may still be undone */
  :: word OF(b) >= record_end OF(b) && HAS_EFFECT ->
#elif defined(BEFORE_RECORD) /* broken: while nothing of the own ballot is committed; what was adopted may be undone */
  :: HAS_EFFECT ->
#else
  :: word OF(b) >= record_end OF(b) && word OF(b) >= at && HAS_EFFECT ->
#endif
     printf("the leader of %d appends change %d\n", b, k);
     Append()
  :: else
  fi
}

/* A member accepts: the log through the record, then entry by entry. Merged: landing and completing, as a completion that
 * comes later tells the leader later. */
#define CAN_ACCEPT(b, a) \
  (stage OF(b) == LEADING && promised[a] == b && !lost[a] && a != proposer OF(b) && accepted WITH(b, a) < end OF(b))
inline Accept() {
  if
  :: accepted WITH(b, a) == 0 -> accepted WITH(b, a) = record_end OF(b)
  :: else -> accepted WITH(b, a) = accepted WITH(b, a) + 1
  fi;
  holds[a] = b;
  length[a] = accepted WITH(b, a)
}

/* The leader commits what a set that decides has accepted. A change that it comes to know to be chosen counts alone from then
 * on: the next step counts again. */
#define ACCEPTED_BY(b, n) \
  ((accepted WITH(b, 0) >= n) | ((accepted WITH(b, 1) >= n) << 1) | ((accepted WITH(b, 2) >= n) << 2) | \
   ((accepted WITH(b, 3) >= n) << 3))
#define CAN_COMMIT(b, n) (LEADS(b) && n > word OF(b) && n >= record_end OF(b) && n <= end OF(b))
inline Commit() {
  n = k;
  Configure(b, end OF(b));
  x = ACCEPTED_BY(b, n);
  if
  :: DECIDES(x, word OF(b)) ->
     printf("the leader of %d commits up to %d, accepted by %d\n", b, n, x);
     WITNESSED(IS_ADMITTED, KIND(LED(b, n - 1)) == COMMAND && !DECIDES(x & 7, word OF(b)));
     word OF(b) = n;
     commit[proposer OF(b)] = n;
     i = 0;
     do
     :: i < n ->
        assert(agreement && (committed[i] == 0 || committed[i] == LED(b, i)));
        if
        :: committed[i] == 0 -> committed[i] = LED(b, i); committed_under[i] = b
        :: committed[i] != 0 && b < committed_under[i] -> committed_under[i] = b
        :: else
        fi;
        i++
     :: else -> break
     od;
     WITNESSED(IS_SHRUNK, SIZE(is) == 1 && KIND(LED(b, n - 1)) == COMMAND);
  :: else
  fi
}

/* ---- crashes: one that stops takes no step. This is the other kind ------------------------------------------------- */

#define CAN_LOSE (!lost[0])
inline Lose() {
  printf("member 0 loses its memory\n");
  lost[0] = 1;
  promised[0] = 0; holds[0] = 0; length[0] = 0; commit[0] = 0
}

/* ---- after each step: sets to 0 what can have no effect any more, so that it tells no states apart -------------------- */

inline ForgetPromises(b) {
  given OF(b) = 0;
  i = 0;
  do
  :: i < MEMBERS ->
     promise_holds WITH(b, i) = 0; promise_length WITH(b, i) = 0; promise_commit WITH(b, i) = 0;
     i++
  :: else -> break
  od
}

#define CAN_STILL_WRITE(b, a) (promised[a] == b && !lost[a])
inline Forget(b) {
  if
  :: (stage OF(b) == ASKING || stage OF(b) == IDLE) && (promised[proposer OF(b)] > b || lost[proposer OF(b)]) ->
     ForgetPromises(b);
     stage OF(b) = GONE
  :: stage OF(b) == LEADING && !CAN_STILL_WRITE(b, 0) && !CAN_STILL_WRITE(b, 1) && !CAN_STILL_WRITE(b, 2) &&
     !CAN_STILL_WRITE(b, 3) ->
     accepted WITH(b, 0) = 0; accepted WITH(b, 1) = 0; accepted WITH(b, 2) = 0; accepted WITH(b, 3) = 0;
     record_end OF(b) = 0; word OF(b) = 0; commands OF(b) = 0;
     stage OF(b) = GONE
  :: else
  fi
}

inline Settle() {
  Forget(1);
  Forget(2);
#if BALLOTS > 2
  Forget(3)
#endif
}

/* ---- the world -------------------------------------------------------------------------------------------------- */

mtype = {campaign, grant, lead, append, change, accept, commit_, lose};

#define STEP(condition, what, b_, a_, k_) :: d_step { condition -> step = what; b = b_; a = a_; k = k_ }
#define STEPS_OF(b) \
  STEP(CAN_CAMPAIGN(b), campaign, b, 0, 0) \
  STEPS_WITH(b, 0) STEPS_WITH(b, 1) STEPS_WITH(b, 2) STEPS_WITH(b, 3) \
  STEPS_LEAD(b) \
  STEP(CAN_COMMAND(b), append, b, 0, COMMAND) \
  STEP(CAN_APPEND(b), change, b, 0, ADMIT) \
  STEPS_REMOVE(b) \
  STEP(CAN_COMMIT(b, 1), commit_, b, 0, 1) STEP(CAN_COMMIT(b, 2), commit_, b, 0, 2) \
  STEP(CAN_COMMIT(b, 3), commit_, b, 0, 3) STEP(CAN_COMMIT(b, 4), commit_, b, 0, 4) \
  STEP(CAN_COMMIT(b, 5), commit_, b, 0, 5) STEP(CAN_COMMIT(b, 6), commit_, b, 0, 6)
#define STEPS_WITH(b, a) \
  STEP(CAN_GRANT(b, a), grant, b, a, 0) \
  STEP(CAN_ACCEPT(b, a), accept, b, a, 0)
#define STEPS_LEAD(b) \
  STEP(CAN_LEAD(b, 1), lead, b, 0, 1) STEP(CAN_LEAD(b, 2), lead, b, 0, 2) STEP(CAN_LEAD(b, 3), lead, b, 0, 3) \
  STEP(CAN_LEAD(b, 4), lead, b, 0, 4) STEP(CAN_LEAD(b, 5), lead, b, 0, 5) STEP(CAN_LEAD(b, 6), lead, b, 0, 6) \
  STEP(CAN_LEAD(b, 7), lead, b, 0, 7) STEP(CAN_LEAD(b, 8), lead, b, 0, 8) STEP(CAN_LEAD(b, 9), lead, b, 0, 9) \
  STEP(CAN_LEAD(b, 10), lead, b, 0, 10) STEP(CAN_LEAD(b, 11), lead, b, 0, 11) STEP(CAN_LEAD(b, 12), lead, b, 0, 12) \
  STEP(CAN_LEAD(b, 13), lead, b, 0, 13) STEP(CAN_LEAD(b, 14), lead, b, 0, 14) STEP(CAN_LEAD(b, 15), lead, b, 0, 15)
#if REMOVALS
#define STEPS_REMOVE(b) \
  STEP(CAN_APPEND(b), change, b, 0, REMOVE) STEP(CAN_APPEND(b), change, b, 0, REMOVE + 1) \
  STEP(CAN_APPEND(b), change, b, 0, REMOVE + 2) STEP(CAN_APPEND(b), change, b, 0, REMOVE + 3)
#else
#define STEPS_REMOVE(b)
#endif

init {
  mtype step;
  byte b, a, k, r, i, n, e, x, is, was, gone, at;

  atomic {
    /* Members that have not led are alike, but for 0 where it may lose its memory, and for the newcomer. */
    if
    :: proposer OF(1) = 0
#if NEWCOMER == 2
    :: proposer OF(1) = 1
#endif
    fi;
    n = proposer OF(1); /* the highest of the first three that leads */
    if
    :: proposer OF(2) = 0
    :: proposer OF(2) = 1; n = 1
    :: n > 0 -> proposer OF(2) = 2; n = 2
    :: proposer OF(2) = 3
    fi;
#if BALLOTS > 2
    if
    :: proposer OF(3) = 0
    :: proposer OF(3) = 1
    :: n > 0 -> proposer OF(3) = 2
    :: proposer OF(3) = 3
    fi;
#endif
    n = 0
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
#if NEWCOMER == 2
       STEP(CAN_LOSE, lose, 0, 0, 0)
#endif
       fi;
       d_step {
         if
         :: step == campaign -> Campaign()
         :: step == grant -> printf("member %d promises %d\n", a, b); Promise()
         :: step == lead -> Lead()
         :: step == append -> commands OF(b) = commands OF(b) + 1; Append()
         :: step == change -> Change()
         :: step == accept -> Accept()
         :: step == commit_ -> Commit()
         :: step == lose -> Lose()
         fi;
         Settle();
         step = 0; b = 0; a = 0; k = 0; r = 0; i = 0; n = 0; e = 0; x = 0; is = 0; was = 0; gone = 0; at = 0
       }
     }
  od
}
