/** dynalite 4 ships no types; these are the options that the runner passes. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  export default function dynalite(options: {
    /** Folder of the LevelDB store; without it everything is in memory. */
    readonly path?: string;
    /** How long a new table stays in CREATING, milliseconds. */
    readonly createTableMs?: number;
  }): Server;
}
