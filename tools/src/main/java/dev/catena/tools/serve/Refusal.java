package dev.catena.tools.serve;

/** A request that can't be answered, with the HTTP status that says so. */
final class Refusal extends Exception {
  private final int status;

  Refusal(int status, String message) {
    super(message, null, false, false);
    this.status = status;
  }

  static Refusal badRequest(String message) {
    return new Refusal(400, message);
  }

  int status() {
    return status;
  }
}
