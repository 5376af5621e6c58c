// Prepares statements that are finalized together.

import type { Database, SQLQueryBindings } from "bun:sqlite";

/** Prepares a statement that the corresponding `finalize` finalizes. */
export type Prepare = <Row, Values extends SQLQueryBindings[]>(
  sql: string,
) => ReturnType<typeof Database.prototype.prepare<Row, Values>>;

export function preparer(db: Database): { prepare: Prepare; finalize: () => void } {
  const prepared: { finalize(): void }[] = [];
  return {
    prepare<Row, Values extends SQLQueryBindings[]>(sql: string) {
      const statement = db.prepare<Row, Values>(sql);
      prepared.push(statement);
      return statement;
    },
    finalize() {
      for (const statement of prepared) statement.finalize();
    },
  };
}
