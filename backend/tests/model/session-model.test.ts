import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, openCluster, PROCESSES } from '#backend/tests/model/cluster'
import { type Fault, faults, killDuring, steer } from '#backend/tests/model/fault-actions'
import { raceActions } from '#backend/tests/model/race-actions'
import { type Action, sessionActions, signInEverybody } from '#backend/tests/model/session-actions'
import { standingActions } from '#backend/tests/model/standing-actions'
import { type Affected, type Draw, inTraffic, type Turn, verify, verifyEverything } from '#backend/tests/model/turn'
import { createWorld, type World } from '#backend/tests/model/world'

const ACTIONS = Number(process.env.FBA_MODEL_ACTIONS ?? 120)
const SEED = Number(process.env.FBA_MODEL_SEED ?? Date.now() % 2 ** 31)
const ROUND_ACTIONS_MAX = 80
const KILLS = 3
/** The round that begins with Redis paused; by chance that happens seldom. */
const PAUSED_ROUND = 1
/** How long a failing round is made smaller. */
const SHRINK_MS = 180_000
const TIMEOUT_MS = 120_000 + ACTIONS * 1500 + SHRINK_MS

const skipped = process.env.TEST_REDIS === 'skip'
if (skipped) process.stderr.write('Sessions across processes are not tested: TEST_REDIS=skip\n')

type Command = fc.AsyncCommand<World, Cluster>

const actions = [...sessionActions, ...standingActions, ...raceActions]
const draw: fc.Arbitrary<Draw> = fc.record({
  on: fc.nat(PROCESSES - 1),
  who: fc.nat(255),
  whom: fc.nat(255),
  what: fc.nat(255),
  delay_ms: fc.nat(25),
})
const weighted = <T extends { weight: number }>(from: readonly T[]) =>
  fc.oneof(...from.map((one) => ({ weight: one.weight, arbitrary: fc.constant(one) })))

let executed = 0
const done = new Map<string, number>()

/** A step of a round, which is written down before it is made. */
function commandOf(text: string, name: string, run: (world: World, cluster: Cluster) => Promise<void>): Command {
  return {
    check: () => true,
    async run(world, cluster) {
      world.trace.push(text)
      done.set(name, (done.get(name) ?? 0) + 1)
      await run(world, cluster)
    },
    toString: () => text,
  }
}

const textOf = (name: string, draw: Draw) => `${name} ${JSON.stringify(draw)}`

function actionOf({ name, ready = () => true, run }: Action, draw: Draw): Command {
  const command = commandOf(textOf(name, draw), name, async (world, cluster) => {
    const turn: Turn = { ...steer(cluster, draw), world, cluster }
    const { result: affected, over } = await inTraffic(turn, () => run(turn))
    // Whoever was slow brings back what is old only later, if at all.
    if (draw.what % 2 === 0) await over
    await verify(turn, affected)
    await over
    await passTime(turn)
  })
  return { ...command, check: ready, toString: () => command.toString() }
}

/** An action during which Redis is killed. */
function killedActionOf({ name, ready = () => true, run }: Action, draw: Draw): Command {
  const command = commandOf(textOf(`kill during ${name}`, draw), 'killDuring', async (world, cluster) => {
    const turn: Turn = { ...draw, world, cluster }
    await cluster.heal()
    world.actions_until_healed = 0
    let affected: Affected = []
    await killDuring(turn, async () => {
      affected = await run(turn)
      await verify(turn, affected)
    })
    await verify(turn, affected)
    await passTime(turn)
  })
  return { ...command, check: ready, toString: () => command.toString() }
}

function faultOf({ name, lasts, run }: Fault, draw: Draw): Command {
  const command = commandOf(textOf(name, draw), name, async (world, cluster) => {
    await run({ ...draw, world, cluster })
    if (lasts > 0) world.actions_until_healed = 1 + (draw.what % lasts)
  })
  return {
    ...command,
    check: ({ actions_until_healed }) => actions_until_healed === 0,
    toString: () => command.toString(),
  }
}

async function pause({ world, cluster }: Turn): Promise<void> {
  world.trace.push('pauseRedis')
  cluster.redis.pause()
  world.actions_until_healed = 2
}

async function passTime({ world, cluster }: Turn): Promise<void> {
  executed += 1
  if (world.actions_until_healed === 0) return
  world.actions_until_healed -= 1
  if (world.actions_until_healed === 0) await cluster.heal()
}

const command = fc.oneof(
  { weight: 40, arbitrary: fc.tuple(weighted(actions), draw).map((drawn) => actionOf(...drawn)) },
  { weight: 1, arbitrary: fc.tuple(weighted(actions), draw).map((drawn) => killedActionOf(...drawn)) },
  { weight: 3, arbitrary: fc.tuple(weighted(faults), draw).map((drawn) => faultOf(...drawn)) },
)

describe.skipIf(skipped)('sessions on four processes', () => {
  let cluster: Cluster
  let traces: string[][] = []
  let rounds = 0

  beforeAll(async () => {
    cluster = await openCluster()
  }, 120_000)
  afterAll(() => cluster?.close(), 60_000)

  const round = fc.asyncProperty(
    fc.commands([command], { maxCommands: ROUND_ACTIONS_MAX, size: 'max' }),
    async (commands) => {
      const world = await createWorld(cluster)
      traces.push(world.trace)
      cluster.letOneHear(rounds % 2 === 1)
      const turn: Turn = { world, cluster, on: 0, who: 0, whom: 0, what: 0, delay_ms: 0 }
      try {
        await signInEverybody(turn)
        if (rounds === PAUSED_ROUND) await pause(turn)
        await fc.asyncModelRun(() => ({ model: world, real: cluster }), commands)
        await verifyEverything(turn)
      } finally {
        await cluster.heal()
      }
    },
  )

  test(
    `after every answer the next request on every process is as the model says (seed ${SEED})`,
    async () => {
      const started = performance.now()
      const { counts } = cluster.redis
      while (executed < ACTIONS || counts.kills < KILLS || counts.pauses === 0 || counts.cuts === 0) {
        traces = []
        const details = await fc.check(round, {
          numRuns: 1,
          seed: SEED + rounds,
          interruptAfterTimeLimit: SHRINK_MS,
        })
        rounds += 1
        if (details.failed || details.interrupted)
          expect.fail(
            [
              `seed ${SEED} round ${rounds}: FBA_MODEL_SEED=${SEED + rounds - 1} repeats it`,
              String(details.errorInstance),
              fc.defaultReportMessage(details) ?? '',
              `The first trace:\n${traces[0]?.join('\n')}`,
              `The last trace:\n${traces.at(-1)?.join('\n')}`,
              cluster.complaints(),
            ].join('\n\n'),
          )
      }
      const took = Math.round((performance.now() - started) / 1000)
      const kinds = [...done].map(([name, times]) => `${name} ${times}`).join(', ')
      process.stderr.write(
        `session model: seed ${SEED}, ${executed} actions in ${rounds} rounds and ${took} s, 0 violations; Redis killed ${counts.kills}, paused ${counts.pauses}, cut off ${counts.cuts} times\n${kinds}\n`,
      )
    },
    TIMEOUT_MS,
  )
})
