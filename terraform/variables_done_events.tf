variable "done_events" {
  description = "Publishes a done event on a topic of the installation after each job that ends; docs/done-events.md explains them. Without it there is no such topic. Each principal of this account whose own policy allows it may subscribe. `subscribers` lets others subscribe a queue, a function or an HTTPS endpoint: `accounts` are ids of accounts, and `organization_id` is the id of an organization, such as o-a1b2c3d4e5, for all its accounts. A project's `announce` decides which of its jobs are announced."
  type = object({
    subscribers = optional(object({
      accounts        = optional(list(string), [])
      organization_id = optional(string)
    }), {})
  })
  default = null

  # An id and nothing else: a `*` in place of one would let everyone read the builds' news, at this account's expense.
  validation {
    condition     = alltrue([for id in try(var.done_events.subscribers.accounts, []) : can(regex("^[0-9]{12}$", id))])
    error_message = "done_events.subscribers.accounts must be ids of accounts, 12 digits each, and no ARNs or *."
  }
  validation {
    condition     = try(var.done_events.subscribers.organization_id, null) == null || can(regex("^o-[a-z0-9]{10,32}$", var.done_events.subscribers.organization_id))
    error_message = "done_events.subscribers.organization_id must be o- and 10 to 32 characters of a-z 0-9, as `aws organizations describe-organization` prints it."
  }
}
