// The login form: name, rooms, and the problem next to the field that caused it.

import { secretBytes } from "../../secrets.ts";
import { byId, setProblem, setText } from "../dom.ts";
import { roomNames, roomsInHash } from "../room-links.ts";
import type { Login } from "../session-controller.ts";
import type { LoginProblem, State } from "../state.ts";
import { defaultRoom } from "../../protocol/messages.ts";

export class LoginForm {
  readonly #name = byId("login-name", HTMLInputElement);
  readonly #nameHint = byId("login-name-hint", HTMLElement);
  readonly #nameProblem = byId("login-name-problem", HTMLElement);
  readonly #passwordPart = byId("login-password-part", HTMLElement);
  readonly #password = byId("login-password", HTMLInputElement);
  readonly #passwordProblem = byId("login-password-problem", HTMLElement);
  readonly #rooms = byId("login-rooms", HTMLInputElement);
  readonly #roomsHint = byId("login-rooms-hint", HTMLElement);
  readonly #roomsProblem = byId("login-rooms-problem", HTMLElement);
  readonly #access = byId("login-access", HTMLElement);
  readonly #accessWord = byId("login-access-word", HTMLInputElement);
  readonly #accessProblem = byId("login-access-problem", HTMLElement);
  readonly #connect = byId("connect", HTMLButtonElement);
  readonly #problem = byId("login-problem", HTMLElement);
  #wasShown = false;
  #shownProblem: LoginProblem | undefined;

  constructor(login: (login: Login) => void) {
    this.#name.placeholder = `user-${randomLetters(6)}`;
    addEventListener("hashchange", () => (this.#rooms.value = linkedRooms()));
    byId("login-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.#name.value.trim() || this.#name.placeholder;
      const rooms = roomNames(this.#rooms.value);
      const password = this.#passwordPart.hidden ? "" : this.#password.value;
      login({
        name,
        rooms: rooms.length === 0 ? [defaultRoom] : rooms,
        password: password === "" ? undefined : password,
        accessWord: this.#accessWord.value,
      });
    });
  }

  render(state: State): void {
    const isConnecting = state.phase === "connecting";
    const problem = state.loginProblem;
    this.#connect.disabled = isConnecting && problem === undefined;
    setText(this.#connect, isConnecting ? "Connecting …" : "Connect");
    const textFor = (field: LoginProblem["field"]): string =>
      problem?.field === field ? problem.text : "";
    setProblem(this.#name, this.#nameProblem, textFor("name"));
    setProblem(this.#password, this.#passwordProblem, textFor("password"));
    this.#passwordPart.hidden = !state.isPasswordAsked;
    // It is no longer needed.
    if (!state.isLoginShown || !state.isPasswordAsked) this.#password.value = "";
    setProblem(this.#rooms, this.#roomsProblem, textFor("rooms"));
    setProblem(this.#accessWord, this.#accessProblem, textFor("access"));
    // Shown once a server has asked for it.
    if (problem?.field === "access") this.#access.hidden = false;
    setText(this.#problem, textFor("form"));
    this.#nameHint.hidden = problem?.field === "name";
    this.#roomsHint.hidden = problem?.field === "rooms";
    if (state.isLoginShown && !this.#wasShown) {
      // On a slow network, the user has perhaps begun to type before this script arrived.
      if (state.name !== "") this.#name.value = state.name;
      if (state.name !== "" || this.#name.value === "") this.#name.select();
      const rooms = state.rooms.map(({ name }) => name).join(", ");
      const isUntouched = this.#rooms.value === this.#rooms.defaultValue;
      if (rooms !== "" || isUntouched) this.#rooms.value = rooms || linkedRooms();
    }
    // Each attempt to connect that fails is a new problem, while the user types on.
    const field = problem?.field ?? "form";
    if (state.isLoginShown && problem !== this.#shownProblem && field !== "form") {
      if (state.isPasswordAsked) this.#password.select();
      else if (field === "name") this.#name.select();
      if (field === "rooms") this.#rooms.select();
      if (field === "access") this.#accessWord.select();
    }
    this.#shownProblem = problem;
    this.#wasShown = state.isLoginShown;
  }
}

/** The rooms of the address, such as `/#den`. */
function linkedRooms(): string {
  return roomsInHash(location.hash) || defaultRoom;
}

/** Random letters and digits, without those that look alike. */
function randomLetters(count: number): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const bytes = secretBytes(count);
  return Array.from(bytes, (byte) => letters[byte % letters.length]).join("");
}
