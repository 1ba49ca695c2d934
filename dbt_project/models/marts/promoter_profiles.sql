{#- A value of a cut is shown for all three groups or for none: of one group alone it could
    be told from how many answered at all. -#}
{%- set figures = [
    'order_count_365_days', 'net_revenue_amount_365_days', 'category_count_365_days',
    'tenure_days', 'behaviour_score',
] -%}
with

customers as (

    select * from {{ ref('int_customers') }}

),

-- the last vote of each person
votes as (

    select * from {{ ref('int_votes') }}
    where figure = 'nps'
        and person_key is not null
        and next_day is null
        and day > {{ add_days(as_of_date(), -365) }}

),

bought as (

    select
        person_key,
        count(distinct category) as category_count

    from {{ ref('int_bought_items') }}
    where ordered_date > {{ add_days(as_of_date(), -365) }}
    group by person_key

),

respondents as (

    select
        votes.nps_class,
        {%- for cut in person_cuts() %}
        customers.{{ cut }},
        {%- endfor %}
        customers.order_count_365_days,
        customers.net_revenue_amount_365_days,
        coalesce(bought.category_count, 0) as category_count_365_days,
        {{ days_between(
            'least(customers.first_ordered_date, customers.first_subscribed_date)',
            as_of_date()
        ) }} as tenure_days,
        cast(customers.behaviour_score as decimal(18, 6)) as behaviour_score,
        case
            when customers.is_active_by_order or customers.is_active_by_contract then 1
            else 0
        end as is_active

    from votes
    inner join customers on votes.person_key = customers.person_key
    left join bought on votes.person_key = bought.person_key

),

counted as (

    select
        nps_class,
        {{ cut_columns() }},
        count(*) as persons,
        sum(is_active) as active_persons
        {%- for figure in figures %},
        case when count({{ figure }}) >= {{ var('min_cell_size') }}
            then cast(sum({{ figure }}) as double) / count({{ figure }})
        end as mean_{{ figure }}
        {%- endfor %}

    from respondents
    group by {{ cut_sets(['nps_class']) }}

),

segments as (

    select distinct
        segment_dimension,
        segment_value

    from counted
    where segment_value is not null

),

classes as (

    select 'promoter' as nps_class
    union all
    select 'passive' as nps_class
    union all
    select 'detractor' as nps_class

),

filled as (

    select
        classes.nps_class,
        segments.segment_dimension,
        segments.segment_value,
        coalesce(counted.persons, 0) as persons,
        coalesce(counted.active_persons, 0) as active_persons
        {%- for figure in figures %},
        counted.mean_{{ figure }}
        {%- endfor %}

    from segments
    cross join classes
    left join counted
        on segments.segment_dimension = counted.segment_dimension
        and segments.segment_value = counted.segment_value
        and classes.nps_class = counted.nps_class

),

compared as (

    select
        *,
        sum(persons) over (
            partition by segment_dimension, nps_class
        ) as persons_of_class,
        sum(persons) over (
            partition by segment_dimension, segment_value
        ) as persons_of_value,
        sum(persons) over (partition by segment_dimension) as persons_in_all

    from filled

),

judged as (

    select
        segment_dimension,
        segment_value,
        min(persons) as persons,
        segment_dimension <> 'overall' as is_cut,
        min(persons) < {{ var('min_cell_size') }} as is_small

    from filled
    group by segment_dimension, segment_value

),

suppressed as (
    {{ hide_small_cells('judged', ['segment_dimension']) }}
),

shown as (

    select
        compared.nps_class,
        compared.segment_dimension,
        compared.segment_value,
        suppressed.is_suppressed,
        {%- for count in [
            'persons', 'active_persons', 'persons_of_class', 'persons_of_value',
            'persons_in_all',
        ] %}
        case when not suppressed.is_suppressed then compared.{{ count }} end as {{ count }},
        {%- endfor %}
        {%- for figure in figures %}
        case
            when not suppressed.is_suppressed then compared.mean_{{ figure }}
        end as mean_{{ figure }}
        {{- ',' if not loop.last }}
        {%- endfor %}

    from compared
    inner join suppressed
        on compared.segment_dimension = suppressed.segment_dimension
        and compared.segment_value = suppressed.segment_value

),

described as (

    select
        nps_class,
        segment_dimension,
        segment_value,
        cast(persons as bigint) as person_count,
        {{ percent_of('persons', 'persons_of_class') }} as class_share,
        {{ percent_of('persons_of_value', 'persons_in_all') }} as respondent_share,
        {{ percent_of('persons * persons_in_all', 'persons_of_class * persons_of_value') }}
            as class_share_index,
        {{ percent_of('active_persons', 'persons') }} as active_share,
        {%- for figure in figures %}
        mean_{{ figure }},
        {%- endfor %}
        is_suppressed,
        {{ as_of_date() }} as as_of_date

    from shown

)

select * from described
