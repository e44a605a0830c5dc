/** How often a test of chance tries: few times with all others, as often as is asked for alone. */
export const runsOf = (variable: 'FBA_KILL_ROUNDS' | 'FBA_HOSTILE_RUNS', otherwise: number): number =>
  Number(process.env[variable] ?? otherwise)
