# Makes staying.csv. Run by hand: Rscript tests/reference/staying.R > tests/reference/staying.csv
# Package survival (3.5-3): survfit, survdiff, coxph. Lines with # carry the results.
library(survival)
set.seed(5)
n <- 90
index <- round(runif(n, 0, 20), 1)
group <- sample(c("recovered", "no_failure"), n, TRUE, c(.3, .7))
life <- rexp(n, ifelse(group == "recovered", 1 / 22, 1 / 35))
left <- ceiling(index + life) + index %% 1  # whole weeks since the index order: ties
end <- 60
status <- as.integer(left <= end)
weeks <- ifelse(status == 1, left, end) - index
weeks <- round(weeks, 6)
say <- function(name, value) cat(sprintf("# %s,%.15g\n", name, value))
fit <- survfit(Surv(weeks, status) ~ group, conf.type = "log-log")
m <- summary(fit, rmean = 25)$table
say("weeks_recovered", m["group=recovered", "rmean"]); say("error_recovered", m["group=recovered", "se(rmean)"])
say("weeks_no_failure", m["group=no_failure", "rmean"]); say("error_no_failure", m["group=no_failure", "se(rmean)"])
s <- summary(fit, times = 12)
say("share_no_failure", s$surv[1]); say("error12_no_failure", s$std.err[1])
say("low_no_failure", s$lower[1]); say("high_no_failure", s$upper[1])
say("log_rank", survdiff(Surv(weeks, status) ~ group)$chisq)
write.csv(data.frame(index_week = index, left_week = ifelse(status == 1, index + weeks, NA),
                     index_outcome = group), row.names = FALSE, quote = FALSE)
