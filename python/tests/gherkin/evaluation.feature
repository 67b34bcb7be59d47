Feature: Flags answer as OpenFeature asks

  The sentences are those of the specification's own suite, so that the same steps run both; see test_gherkin.py.

  Background:
    Given a stable provider

  Scenario Outline: A flag of each type is resolved
    Given a <type>-flag with key "<key>" and a fallback value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the flag key should be "<key>"
    And the reason should be "STATIC"
    And the error-code should be ""

    Examples:
      | type    | key    | default | value                     |
      | Boolean | on     | false   | true                      |
      | Boolean | off    | true    | false                     |
      | String  | title  | x       | Grüße 🎏                  |
      | String  | empty  | x       |                           |
      | Integer | limit  | 1       | 50                        |
      | Integer | big    | 1       | 1152921504606846976       |
      | Integer | exact  | 1       | 9007199254740993          |
      | Integer | zero   | 1       | 0                         |
      | Float   | rate   | 1.0     | 0.25                      |
      | Float   | limit  | 1.0     | 50.0                      |
      | Float   | zero   | 1.0     | 0.0                       |
      | Object  | rules  | {}      | {"a": [1, null], "b": {}} |
      | Object  | list   | {}      | [1, 2, 3]                 |
      | Object  | hollow | {"a":1} | {}                        |

  Scenario Outline: A flag that is missing answers the fallback
    Given a <type>-flag with key "missing" and a fallback value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "FLAG_NOT_FOUND"

    Examples:
      | type    | default |
      | Boolean | true    |
      | String  | bye     |
      | Integer | 7       |
      | Float   | 0.5     |
      | Object  | {"a":1} |

  Scenario Outline: A flag of another type answers the fallback
    Given a <type>-flag with key "<key>" and a fallback value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "TYPE_MISMATCH"

    Examples:
      | type    | key     | default |
      | Boolean | limit   | true    |
      | Boolean | title   | true    |
      | String  | on      | bye     |
      | String  | rules   | bye     |
      | Integer | on      | 7       |
      | Integer | rate    | 7       |
      | Integer | title   | 7       |
      | Float   | on      | 0.5     |
      | Float   | list    | 0.5     |
      | Object  | title   | {"a":1} |
      | Object  | limit   | {"a":1} |
      | Object  | nothing | {"a":1} |

  Scenario Outline: The same without blocking
    Given a <type>-flag with key "<key>" and a fallback value "<default>"
    When the flag was evaluated with details asynchronously
    Then the evaluation should complete without blocking
    And the resolved details value should be "<value>"

    Examples:
      | type    | key   | default | value     |
      | Boolean | on    | false   | true      |
      | String  | title | x       | Grüße 🎏  |
      | Integer | limit | 1       | 50        |
      | Float   | rate  | 1.0     | 0.25      |
      | Object  | list  | {}      | [1, 2, 3] |

  Scenario Outline: A provider without flags answers the fallback
    Given a not ready provider
    And a <type>-flag with key "on" and a fallback value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "PROVIDER_NOT_READY"

    Examples:
      | type    | default |
      | Boolean | true    |
      | Object  | {"a":1} |

  Scenario Outline: The status is that of the flags
    Given a <state> provider
    Then the provider status should be "<status>"

    Examples:
      | state  | status |
      | stable | READY  |
      | stale  | STALE  |
      | error  | ERROR  |

  Scenario: A stale provider answers the last flags and says so
    Given a stale provider
    And a Boolean-flag with key "on" and a fallback value "false"
    When the flag was evaluated with details
    Then the resolved details value should be "true"
    And the reason should be "STALE"

  Scenario: Context is taken, and leaves the answer as it is
    Given a Boolean-flag with key "on" and a fallback value "false"
    And a context containing a key "email", with type "String" and with value "somebody@example.org"
    And a context containing a key "age", with type "Integer" and with value "65"
    And a context containing a key "nothing" with null value
    When the flag was evaluated with details
    Then the resolved details value should be "true"
    And the reason should be "STATIC"

  Scenario: Hooks are told what was answered
    Given a client with added hook
    And a Boolean-flag with key "on" and a fallback value "false"
    When the flag was evaluated with details
    Then the "before" hook should have been executed
    And the "after, finally" hooks should be called with evaluation details
      | data_type | key        | value  |
      | string    | flag_key   | on     |
      | boolean   | value      | true   |
      | string    | reason     | STATIC |
      | string    | error_code | null   |

  Scenario: Hooks are told of errors
    Given a client with added hook
    And a Boolean-flag with key "title" and a fallback value "false"
    When the flag was evaluated with details
    Then the "error" hook should have been executed
    And the "finally" hooks should be called with evaluation details
      | data_type | key        | value         |
      | boolean   | value      | false         |
      | string    | reason     | ERROR         |
      | string    | error_code | TYPE_MISMATCH |
